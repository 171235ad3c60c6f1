//! Tests that need another process run this test binary again, for one test of it.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

const PATH: &str = "MATRIX_STORE_TEST_PATH";
const FIRST: &str = "MATRIX_STORE_TEST_FIRST";
/// What the child says begins so; the test harness says other things.
const MARK: &str = "child: ";

/// The path of the store, in a child; `None` in an ordinary run.
pub(crate) fn path() -> Option<PathBuf> {
    env::var_os(PATH).map(PathBuf::from)
}

/// The number that the child begins with.
pub(crate) fn first() -> u64 {
    env::var(FIRST).unwrap().parse().unwrap()
}

/// Says a line to the parent.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // In one piece, so that lines of two threads do not mix.
    stdout
        .write_all(format!("\n{MARK}{line}\n").as_bytes())
        .unwrap();
    stdout.flush().unwrap();
}

/// Waits until the parent lets go, or is gone.
pub(crate) fn wait_for_parent() {
    let _nothing = std::io::stdin().read(&mut [0]).unwrap();
}

/// A process that runs the test `name` for the store at `path`.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Runs it after the shell command `prepare`, which may set limits.
    pub(crate) fn start(name: &str, path: &Path, first: u64, prepare: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("{prepare}; exec \"$0\" \"$@\""))
            .arg(env::current_exe().unwrap());
        Self::spawn(shell, name, path, first)
    }

    /// Runs `command` with the arguments of the test harness.
    pub(crate) fn spawn(mut command: Command, name: &str, path: &Path, first: u64) -> Self {
        let mut child = command
            .args([name, "--exact", "--nocapture"])
            .env(PATH, path)
            .env(FIRST, first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it says; `None` when it has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.unwrap();
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.to_owned());
            }
        }
    }

    /// `SIGKILL`, and everything that it still said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.hear()).collect()
    }

    /// Lets it go on to its end.
    pub(crate) fn finish(mut self) {
        drop(self.child.stdin.take());
        while self.hear().is_some() {}
        assert!(self.child.wait().unwrap().success());
    }
}
