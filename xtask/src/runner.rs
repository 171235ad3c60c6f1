//! Runs commands, with their output in the log of the step.

use std::convert::Infallible;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::counts;
use super::failure::Failure;

/// Much longer than the longest step; a command that hangs must not hang CI.
const LIMIT: Duration = Duration::from_secs(25 * 60);
/// How often new output is shown with `--verbose`.
const GLANCE: Duration = Duration::from_millis(200);
const EXCERPT_LINES: usize = 80;

/// One step's way to run commands and to say things.
#[derive(Debug)]
pub(crate) struct Shell {
    log: PathBuf,
    verbose: bool,
    full: bool,
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that this build, and so every other one, goes to.
pub(crate) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(target.unwrap_or_else(|| "target".into()))
}

/// The cargo that runs us, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Shell {
    /// With an empty log.
    pub(crate) fn open(step: &str, verbose: bool, full: bool) -> Result<Self, Failure> {
        let folder = target().join("xtask");
        fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let log = folder.join(format!("{step}.log"));
        File::create(&log).map_err(Failure::file(&log))?;
        Ok(Self { log, verbose, full })
    }

    pub(crate) fn full(&self) -> bool {
        self.full
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn log_text(&self) -> String {
        fs::read(&self.log).map_or_else(
            |_| String::new(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// What a person needs to see of the log after a failure.
    pub(crate) fn excerpt(&self) -> String {
        if self.verbose {
            String::new()
        } else {
            counts::excerpt(&self.log_text(), EXCERPT_LINES)
        }
    }

    /// A progress line.
    pub(crate) fn say(&self, line: &str) {
        println!("      {line}");
    }

    /// Runs cargo with these arguments; an error unless it ends with success.
    pub(crate) async fn cargo(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = cargo();
        command.args(arguments);
        self.run(command).await
    }

    /// Runs a command; an error unless it ends with success.
    pub(crate) async fn run(&self, mut command: Command) -> Result<(), Failure> {
        let mut file = self.append()?;
        writeln!(file, "$ {}", shown(&command)).map_err(Failure::file(&self.log))?;
        let mut seen = file.metadata().map_err(Failure::file(&self.log))?.len();
        let copy = file.try_clone().map_err(Failure::file(&self.log))?;
        let child = command.stdout(file).stderr(copy).spawn();
        let mut child = child.map_err(|source| Failure::start(&command, source))?;
        let ended = tokio::select! {
            biased;
            ended = tokio::time::timeout(LIMIT, child.wait()) => ended,
            never = self.follow(&mut seen) => match never {},
        };
        self.show_from(&mut seen);
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::Command {
                command: shown(&command),
                status,
            }),
            Ok(Err(source)) => Err(Failure::start(&command, source)),
            // Dropping the child kills it.
            Err(_elapsed) => Err(Failure::Timeout {
                command: shown(&command),
                limit: LIMIT,
            }),
        }
    }

    /// Runs a command within a limit, and returns what it wrote, apart from what it complained about.
    pub(crate) async fn capture(
        &self,
        mut command: Command,
        limit: Duration,
    ) -> Result<Output, Failure> {
        let output = match tokio::time::timeout(limit, command.output()).await {
            Ok(output) => output.map_err(|source| Failure::start(&command, source))?,
            Err(_elapsed) => {
                return Err(Failure::Timeout {
                    command: shown(&command),
                    limit,
                });
            }
        };
        let head = format!("$ {}\n", shown(&command));
        let parts = [head.as_bytes(), &output.stdout, &output.stderr].concat();
        self.append()?
            .write_all(&parts)
            .map_err(Failure::file(&self.log))?;
        Ok(output)
    }

    fn append(&self) -> Result<File, Failure> {
        OpenOptions::new()
            .append(true)
            .open(&self.log)
            .map_err(Failure::file(&self.log))
    }

    /// Shows what is added to the log.
    async fn follow(&self, seen: &mut u64) -> Infallible {
        loop {
            tokio::time::sleep(GLANCE).await;
            self.show_from(seen);
        }
    }

    /// Shows what was added since `seen`, if that is wanted.
    fn show_from(&self, seen: &mut u64) {
        // The log is not worth failing for: it is all in the file.
        if self.verbose
            && let Ok(bytes) = read_from(&self.log, *seen)
        {
            print!("{}", String::from_utf8_lossy(&bytes));
            *seen += bytes.len() as u64;
        }
    }
}

fn read_from(path: &Path, position: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}
