//! The example `room_router` as a process.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::thread;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::http::{self, Answer};
use crate::until::until;

/// A running bot. Dropping it kills it; if the test has failed, its log is shown.
#[derive(Debug)]
pub struct Router {
    child: Child,
    log: PathBuf,
    /// How much of the log is from earlier starts.
    log_from: usize,
    base_url: String,
}

/// The program with its variables unset, whatever the environment of the test run holds.
#[must_use]
pub fn program() -> Command {
    let mut command = Command::new(executable());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MATRIX_") {
            command.env_remove(name);
        }
    }
    command
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub async fn output(arguments: &[&str], config: &Path) -> Output {
    let mut command = program();
    command.args(arguments).arg("--config").arg(config);
    command.output().await.unwrap()
}

/// Beside our own executable, or the folder of it, where cargo puts examples.
fn executable() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let mut places = own
        .ancestors()
        .map(|folder| folder.join("examples/room_router"));
    places.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "room_router is not built beside {}: run `cargo build --example room_router`",
            own.display()
        )
    })
}

impl Router {
    /// Starts it with that configuration, and waits until it is connected.
    pub async fn start(config: &Path) -> Self {
        let mut router = Self::begin(config);
        router.until_connected().await;
        router
    }

    /// Starts it with that configuration.
    #[must_use]
    pub fn begin(config: &Path) -> Self {
        let mut command = program();
        command.arg("--config").arg(config);
        Self::begin_as(command, config.with_extension("log"))
    }

    /// Starts a command that is the program, logging to a file, and waits until it is connected.
    pub async fn start_as(command: Command, log: PathBuf) -> Self {
        let mut router = Self::begin_as(command, log);
        router.until_connected().await;
        router
    }

    fn begin_as(mut command: Command, log: PathBuf) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let log_from = fs::read(&log).unwrap().len();
        command.stdout(Stdio::null()).stderr(file);
        let child = command.spawn().unwrap();
        Self {
            child,
            log,
            log_from,
            base_url: String::new(),
        }
    }

    async fn until_connected(&mut self) {
        let line = self.until_logged("serving http://").await;
        let (_, rest) = line.split_once("serving http://").unwrap();
        self.base_url = format!("http://{}", rest.split('/').next().unwrap());
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What this start has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap();
        String::from_utf8_lossy(&bytes[self.log_from..]).into_owned()
    }

    /// The first line of the log that has `words` in it.
    pub async fn until_logged(&mut self, words: &str) -> String {
        until(&format!("`{words}` in the log"), async || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains(words));
            if line.is_none() {
                let ended = self.child.try_wait().unwrap();
                assert_eq!(ended, None, "it ended; its log:\n{log}");
            }
            line.map(str::to_owned)
        })
        .await
    }

    /// How often `words` are in the log.
    #[must_use]
    pub fn logged(&self, words: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }

    /// `/healthz` or `/metrics`.
    pub async fn get(&self, path: &str) -> Answer {
        http::get(&self.base_url, path).await
    }

    /// The reasons of `/healthz`, as code and status.
    pub async fn reasons(&self) -> Vec<(String, String)> {
        let health = self.get("/healthz").await.json();
        let reasons = health["reasons"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        reasons
            .map(|reason| (text(&reason["code"]), text(&reason["status"])))
            .collect()
    }

    /// The value of a metric; `name` has its labels, as in a scrape.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").await.body;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
            .parse()
            .unwrap()
    }

    /// Waits until a metric is at least `least`.
    pub async fn until_metric(&self, name: &str, least: f64) {
        until(&format!("{name} of {least}"), async || {
            (self.metric(name).await >= least).then_some(())
        })
        .await;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().unwrap();
        kill_process(Pid::from_raw(id.cast_signed()).unwrap(), signal).unwrap();
    }

    /// Makes it read its configuration again, and waits until a new line of the log has `words` in it.
    pub async fn reload(&mut self, words: &str) {
        let before = self.logged(words);
        self.signal(Signal::HUP);
        until(&format!("`{words}` after a reload"), async || {
            (self.logged(words) > before).then_some(())
        })
        .await;
    }

    /// Kills it in the middle of whatever it does.
    pub async fn kill9(mut self) {
        self.kill().await;
    }

    /// The same, and keeps what it has logged.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the bot's log\n{}---", self.log());
        }
    }
}
