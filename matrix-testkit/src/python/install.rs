//! Makes the virtual environment, by whichever way this machine allows.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{PINS, PythonError, lock};
use crate::tail::tail_of;

type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

const PYTHON: &str = "python3";
/// Asks any Python, however old, for its version.
const ASK_VERSION: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
const ASK_PACKAGES: &str = "import sysconfig; print(sysconfig.get_path('platlib'))";
const OLDEST: [u32; 2] = [3, 10];
/// For a command that downloads; one that hangs must not hang the test run.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const TAIL_LINES: usize = 15;

/// A way to make a virtual environment: what is run, one after the other. `{venv}` stands for its folder.
struct Way {
    commands: &'static [&'static [&'static str]],
    /// How pip is called for it, before `install`.
    pip: &'static [&'static str],
}

const WAYS: [Way; 3] = [
    Way {
        commands: &[&[PYTHON, "-m", "venv", "{venv}"]],
        pip: &["{venv}/bin/python", "-m", "pip"],
    },
    // Debian without python3-venv has the module, but no pip to put into the environment.
    Way {
        commands: &[
            &[PYTHON, "-m", "venv", "--without-pip", "{venv}"],
            &[PYTHON, "-m", "pip", "--version"],
        ],
        pip: &[PYTHON, "-m", "pip", "--python", "{venv}/bin/python"],
    },
    // No venv module at all, but a pip.
    Way {
        commands: &[
            &[
                PYTHON,
                "-m",
                "pip",
                "install",
                "--target",
                "{venv}.virtualenv",
                "virtualenv",
            ],
            &[
                "env",
                "PYTHONPATH={venv}.virtualenv",
                PYTHON,
                "-m",
                "virtualenv",
                "{venv}",
            ],
        ],
        pip: &["{venv}/bin/python", "-m", "pip"],
    },
];

/// Returns the interpreter of the environment below `folder`, made if need be.
pub(super) async fn prepare(folder: &Path, progress: Progress<'_>) -> Result<PathBuf, PythonError> {
    let version = python_version().await?;
    let venv = folder.join(format!(
        "venv-py{version}-{}",
        PINS.join("-").replace("==", "-")
    ));
    let (python, marker) = (venv.join("bin/python"), venv.join("complete"));
    if marker.is_file() {
        return Ok(python);
    }
    fs::create_dir_all(folder).map_err(PythonError::io("create", folder))?;
    let _lock = lock::take(&beside(&venv, "lock"), progress).await?;
    // Whoever held the lock may have done it all.
    if marker.is_file() {
        return Ok(python);
    }

    let log = beside(&venv, "log");
    remove(&log)?;
    progress(&format!(
        "making a virtual environment for Python {version}"
    ));
    let way = make(&venv, &log).await?;
    progress(&format!(
        "installing {} from PyPI (about a minute)",
        PINS.join(" and ")
    ));
    install(way, &venv, &log).await?;
    fs::write(&marker, PINS.join("\n")).map_err(PythonError::io("write", marker))?;
    progress("the Python packages are ready");
    Ok(python)
}

/// Installs a package into the environment of that interpreter; returns the folder that packages are in.
pub(super) async fn add(
    python: &Path,
    pin: &str,
    progress: Progress<'_>,
) -> Result<PathBuf, PythonError> {
    let venv = python.ancestors().nth(2).unwrap_or(python);
    let _lock = lock::take(&beside(venv, "lock"), progress).await?;
    let packages = packages(python).await?;
    let marker = beside(venv, pin);
    if marker.is_file() {
        return Ok(packages);
    }
    progress(&format!("installing {pin} from PyPI"));
    let log = beside(venv, "log");
    for way in &WAYS {
        let command = [way.pip, &["install", "--no-input", pin]].concat();
        if run_all(&[&command], venv, &log).await? {
            fs::write(&marker, pin).map_err(PythonError::io("write", marker))?;
            return Ok(packages);
        }
    }
    Err(PythonError::Pip {
        tail: tail_of(&log, TAIL_LINES),
        log,
    })
}

async fn packages(python: &Path) -> Result<PathBuf, PythonError> {
    let mut command = Command::new(python);
    command.args(["-c", ASK_PACKAGES]);
    let output = command.output().await.map_err(PythonError::Missing)?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(folder.trim()))
}

/// The path of the environment with another ending; its own dots are part of version numbers.
fn beside(venv: &Path, ending: &str) -> PathBuf {
    let mut path = venv.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

async fn python_version() -> Result<String, PythonError> {
    let output = Command::new(PYTHON)
        .args(["-c", ASK_VERSION])
        .output()
        .await;
    let output = output.map_err(PythonError::Missing)?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(PythonError::Missing(io::Error::other(error)));
    }
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if is_old(&found) {
        Err(PythonError::TooOld { found })
    } else {
        Ok(found)
    }
}

fn is_old(version: &str) -> bool {
    let parts: Vec<u32> = version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    parts.as_slice() < OLDEST.as_slice()
}

/// The first way that works.
async fn make(venv: &Path, log: &Path) -> Result<&'static Way, PythonError> {
    for way in &WAYS {
        // A half-made folder would confuse the next way.
        remove(venv)?;
        if run_all(way.commands, venv, log).await? {
            return Ok(way);
        }
    }
    Err(PythonError::NoVenv {
        log: log.to_owned(),
        tail: tail_of(log, TAIL_LINES),
    })
}

async fn install(way: &Way, venv: &Path, log: &Path) -> Result<(), PythonError> {
    let command = [way.pip, &["install", "--no-input"], &PINS].concat();
    if run_all(&[&command], venv, log).await? {
        Ok(())
    } else {
        Err(PythonError::Pip {
            log: log.to_owned(),
            tail: tail_of(log, TAIL_LINES),
        })
    }
}

/// Runs the commands until one fails; false if one did.
async fn run_all(commands: &[&[&str]], venv: &Path, log: &Path) -> Result<bool, PythonError> {
    for words in commands {
        if !run(words, venv, log).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn run(words: &[&str], venv: &Path, log: &Path) -> Result<bool, PythonError> {
    let words: Vec<String> = words.iter().map(|word| in_venv(word, venv)).collect();
    tracing::debug!(command = ?words, "preparing the Python environment");
    let Some((program, arguments)) = words.split_first() else {
        return Ok(true);
    };
    let file = OpenOptions::new().create(true).append(true).open(log);
    let file = file.map_err(PythonError::io("open", log))?;
    let copy = file.try_clone().map_err(PythonError::io("open", log))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.status()).await {
        Ok(Ok(status)) => Ok(status.success()),
        Ok(Err(error)) => {
            tracing::debug!(%error, program, "the command does not start");
            Ok(false)
        }
        Err(_elapsed) => Ok(false),
    }
}

fn in_venv(word: &str, venv: &Path) -> String {
    word.replace("{venv}", &venv.to_string_lossy())
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), PythonError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PythonError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_before_3_10_is_old() {
        let old = ["3.9.18", "2.7.18", "3", "nonsense"].map(is_old);
        let new = ["3.10.0", "3.11.2", "3.100.1", "4.0.0"].map(is_old);

        assert_eq!((old, new), ([true; 4], [false; 4]));
    }

    #[test]
    fn a_command_names_the_environment_wherever_it_stands_in_a_word() {
        let words = ["{venv}/bin/python", "PYTHONPATH={venv}.virtualenv", "-m"];

        let named = words.map(|word| in_venv(word, Path::new("/t/venv")));

        assert_eq!(
            named,
            ["/t/venv/bin/python", "PYTHONPATH=/t/venv.virtualenv", "-m"]
        );
    }
}
