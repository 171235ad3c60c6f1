//! Building and running the tests that should notice a bug.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::patch::TestName;
use super::tree::Tree;
use crate::counts::Counts;
use crate::failure::Failure;
use crate::runner::{Shell, cargo};

/// Longer than any test of ours takes; a broken engine may go on for ever in virtual time.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// What a test said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Color {
    Red,
    Green,
    /// It had not ended in time.
    Hangs,
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Red => "red",
            Self::Green => "GREEN",
            Self::Hangs => "hangs",
        })
    }
}

/// Test programs that are built, by package and target.
#[derive(Debug)]
pub(crate) struct Built {
    programs: BTreeMap<(String, String), PathBuf>,
    folder: PathBuf,
}

impl Built {
    /// Builds what those tests are in.
    pub(crate) async fn of(
        shell: &Shell,
        tree: &Tree,
        tests: impl IntoIterator<Item = &TestName>,
    ) -> Result<Self, Failure> {
        let mut programs = BTreeMap::new();
        for TestName {
            package,
            target,
            test: _,
        } in tests
        {
            let slot = programs.entry((package.clone(), target.clone()));
            if let Entry::Vacant(slot) = slot {
                slot.insert(build(shell, tree, package, target).await?);
            }
        }
        Ok(Self {
            programs,
            folder: tree.folder().to_owned(),
        })
    }

    /// Runs one test, alone in a process; what it writes goes to `log`.
    pub(crate) async fn run(&self, test: &TestName, log: &Path) -> Result<Color, Failure> {
        let TestName {
            package,
            target,
            test: name,
        } = test;
        let program = &self.programs[&(package.clone(), target.clone())];
        let output = fs::File::create(log).map_err(Failure::file(log))?;
        let copy = output.try_clone().map_err(Failure::file(log))?;
        let mut command = Command::new(program);
        command.args(["--exact", name]).current_dir(&self.folder);
        command.stdout(output).stderr(copy);
        let Some(status) = ended(command).await? else {
            return Ok(Color::Hangs);
        };
        let bytes = fs::read(log).map_err(Failure::file(log))?;
        color(
            test,
            status,
            Counts::in_log(&String::from_utf8_lossy(&bytes)),
        )
    }
}

fn color(test: &TestName, status: ExitStatus, counts: Counts) -> Result<Color, Failure> {
    match counts {
        Counts {
            passed: 1,
            failed: 0,
        } => Ok(Color::Green),
        // Also one that took the process with it, without a word at the end.
        _ if !status.success() => Ok(Color::Red),
        _ => Err(Failure::Findings(vec![format!(
            "{} {} has no test `{}`",
            test.package, test.target, test.test
        )])),
    }
}

/// Runs a program to its end; `None` if that takes too long, and then it is killed with all it has started.
async fn ended(mut command: Command) -> Result<Option<ExitStatus>, Failure> {
    command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn();
    let mut child = child.map_err(|source| Failure::start(&command, source))?;
    match tokio::time::timeout(TEST_LIMIT, child.wait()).await {
        Ok(status) => status
            .map(Some)
            .map_err(|source| Failure::start(&command, source)),
        Err(_elapsed) => {
            kill_group(&child);
            Ok(None)
        }
    }
}

#[cfg(unix)]
fn kill_group(leader: &tokio::process::Child) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // It is gone already if this fails.
        let _ = kill_process_group(id, Signal::KILL);
    }
}

/// Dropping the child kills it.
#[cfg(not(unix))]
fn kill_group(_leader: &tokio::process::Child) {}

async fn build(
    shell: &Shell,
    tree: &Tree,
    package: &str,
    target: &str,
) -> Result<PathBuf, Failure> {
    let mut command = cargo();
    command
        .current_dir(tree.folder())
        .env("CARGO_TARGET_DIR", tree.target())
        // Nobody looks at it with a debugger, and linking is most of the time.
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .args(["test", "--no-run", "--package", package])
        .arg("--message-format=json-render-diagnostics");
    match target {
        "lib" => command.arg("--lib"),
        name => command.args(["--test", name]),
    };
    let output = shell.capture(command, BUILD_LIMIT).await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::Findings(vec![format!(
            "it does not build:\n{said}"
        )]));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .find_map(executable)
        .ok_or_else(|| Failure::Findings(vec![format!("{package} has no test program `{target}`")]))
}

/// The test program, if this message of cargo's is about one: only that one was asked for.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["profile"]["test"] == true {
        message["executable"].as_str().map(PathBuf::from)
    } else {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn test() -> TestName {
        TestName {
            package: "a".to_owned(),
            target: "it".to_owned(),
            test: "b".to_owned(),
        }
    }

    #[test]
    fn a_test_that_is_not_there_is_no_color() {
        let none = Counts::default();
        let one = Counts {
            passed: 1,
            failed: 0,
        };
        let bad = Counts {
            passed: 0,
            failed: 1,
        };
        let [good, failed, aborted] = [0, 101 << 8, 6].map(ExitStatus::from_raw);

        assert_eq!(color(&test(), good, one).unwrap(), Color::Green);
        assert_eq!(color(&test(), failed, bad).unwrap(), Color::Red);
        assert_eq!(color(&test(), aborted, none).unwrap(), Color::Red);
        assert!(color(&test(), good, none).is_err());
    }

    #[test]
    fn only_a_test_program_is_taken_from_what_cargo_says() {
        let program =
            r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/it-1"}"#;
        let library =
            r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":null}"#;

        assert_eq!(executable(program), Some(PathBuf::from("/t/it-1")));
        assert_eq!(executable(library), None);
        assert_eq!(executable("{"), None);
    }
}
