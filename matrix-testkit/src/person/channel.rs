//! Requests and answers as JSON lines over the pipes of a Python process.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};

use super::error::PersonError;
use crate::python::PythonEnvironment;

const PROGRAM: &str = include_str!("../../python/person.py");

/// The other end of person.py. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Channel {
    requests: mpsc::UnboundedSender<String>,
    waiting: Waiting,
    next: AtomicU64,
    _child: Child,
}

/// Who waits for which answer. `None` once there will be no more answers.
type Waiting = Arc<Mutex<Option<BTreeMap<u64, oneshot::Sender<Answer>>>>>;

#[derive(Debug, Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    ok: Value,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

impl Channel {
    pub(super) fn open(python: &PythonEnvironment) -> Result<Self, PersonError> {
        let mut command = Command::new(python.python());
        command
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let spawned = command.spawn();
        let python = || python.python().display().to_string();
        let mut child = spawned.map_err(|source| PersonError::Spawn {
            python: python(),
            source,
        })?;

        let (requests, to_write) = mpsc::unbounded_channel();
        let waiting = Waiting::new(Mutex::new(Some(BTreeMap::new())));
        // A task of its own for each pipe: a call that its caller drops must not leave half a line behind.
        if let Some(stdin) = child.stdin.take() {
            tokio::spawn(write(stdin, to_write));
        }
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(read(stdout, Arc::clone(&waiting)));
        }
        Ok(Self {
            requests,
            waiting,
            next: AtomicU64::new(1),
            _child: child,
        })
    }

    /// Asks person.py for `op` with the keys of `params`, and waits for the answer no longer than `patience`.
    pub(super) async fn call(
        &self,
        op: &'static str,
        mut params: Value,
        patience: Duration,
    ) -> Result<Value, PersonError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        params["id"] = id.into();
        params["op"] = op.into();
        let answer = self.expect_answer(id).ok_or(PersonError::Ended { op })?;
        self.requests
            .send(format!("{params}\n"))
            .map_err(|_| PersonError::Ended { op })?;
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(Answer {
                id: _,
                ok,
                error: None,
            })) => Ok(ok),
            Ok(Ok(Answer {
                error: Some(Refusal { code, message }),
                ..
            })) => Err(PersonError::Refused { op, code, message }),
            Ok(Err(_dropped)) => Err(PersonError::Ended { op }),
            Err(_elapsed) => Err(PersonError::Silent {
                op,
                waited: patience,
            }),
        }
    }

    fn expect_answer(&self, id: u64) -> Option<oneshot::Receiver<Answer>> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_mut()?.insert(id, sender);
        Some(receiver)
    }
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        // The process has ended; the reader notices too, and tells those who wait.
        if stdin.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
}

async fn read(stdout: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str::<Answer>(&line) {
            Ok(answer) => {
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let sender = waiting.as_mut().and_then(|all| all.remove(&answer.id));
                // Nobody waits any more when the caller's patience was over.
                sender.map(|sender| sender.send(answer));
            }
            Err(error) => tracing::warn!(%error, "person.py said something that is no answer"),
        }
    }
    // Dropping the senders ends every wait.
    waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
}
