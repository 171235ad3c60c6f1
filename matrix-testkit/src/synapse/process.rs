//! The process itself: start, wait for the first answer, end.

use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};

use super::config::SynapseConfig;
use super::error::SynapseError;
use super::files::Files;
use super::http;
use crate::tail::tail_of;

const START_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
const TAIL_LINES: usize = 20;
const GUARD: &str = include_str!("../../python/synapse_guard.py");

/// A running Synapse. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Open for as long as we live: the guard in the child ends with it.
    _lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts it and waits until it answers.
    pub(super) async fn start(
        config: &SynapseConfig,
        files: &Files,
        port: u16,
    ) -> Result<Self, SynapseError> {
        files.write(config, port).map_err(SynapseError::io(
            "write the configuration in",
            files.folder(),
        ))?;
        let mut process = Self::spawn(config, files)?;
        match tokio::time::timeout(START_PATIENCE, process.answer(files, port)).await {
            Ok(answered) => answered.map(|()| process),
            Err(_elapsed) => Err(SynapseError::Silent {
                waited: START_PATIENCE,
                folder: files.folder().to_owned(),
                tail: tail_of(&files.log(), TAIL_LINES),
            }),
        }
    }

    fn spawn(config: &SynapseConfig, files: &Files) -> Result<Self, SynapseError> {
        let path = files.output();
        let output = File::create(&path).map_err(SynapseError::io("create", &path))?;
        let copy = output
            .try_clone()
            .map_err(SynapseError::io("open", &path))?;
        let python = config.python.python();
        let mut command = Command::new(python);
        command
            .args(["-c", GUARD, "--config-path"])
            .arg(files.config());
        command.current_dir(files.folder()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(output).stderr(copy);
        let mut child = command.spawn().map_err(SynapseError::io("run", python))?;
        let lifeline = child.stdin.take();
        Ok(Self {
            child,
            _lifeline: lifeline,
        })
    }

    async fn answer(&mut self, files: &Files, port: u16) -> Result<(), SynapseError> {
        loop {
            if let Ok(Some(_status)) = self.child.try_wait() {
                let tails = [files.log(), files.output()].map(|log| tail_of(&log, TAIL_LINES));
                return Err(SynapseError::Ended {
                    folder: files.folder().to_owned(),
                    tail: tails.join("\n"),
                });
            }
            if http::ask(port, "GET", "/_matrix/client/versions", None)
                .await
                .is_ok()
            {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The process id; `None` once it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end, and kills it if it does not within ten seconds.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        terminate(&mut self.child)?;
        match tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_elapsed) => self.child.kill().await,
        }
    }

    /// Kills it at once, as a power cut would.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

/// SIGTERM, unless it has ended already.
#[cfg(unix)]
fn terminate(child: &mut Child) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};

    // While `child` has an id, nobody has waited for it, so the id cannot belong to another process.
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    match id {
        Some(id) => Ok(kill_process(id, Signal::TERM)?),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) -> io::Result<()> {
    child.start_kill()
}
