//! matrix-sdk, measured by a program of its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::process::Command;

use crate::{Result, homeserver::pages::News, took::Took};

/// The program in `benches/compare`.
#[derive(Clone, Debug)]
pub(crate) struct Rival(PathBuf);

/// What it says.
#[derive(Deserialize)]
struct Said {
    count: usize,
    seconds: f64,
}

impl Rival {
    pub(crate) fn new(program: &Path) -> Self {
        Self(program.to_owned())
    }

    pub(crate) async fn ingest(&self, news: &News) -> Result<Took> {
        let News {
            rooms,
            events,
            pages,
        } = news;
        self.run("ingest", &[*rooms, *events, *pages]).await
    }

    pub(crate) async fn sends(&self, lanes: usize, messages: usize) -> Result<Took> {
        self.run("sends", &[lanes, messages]).await
    }

    async fn run(&self, question: &str, sizes: &[usize]) -> Result<Took> {
        let mut command = Command::new(&self.0);
        command.arg(question);
        command.args(sizes.iter().map(ToString::to_string));
        command.current_dir(env!("CARGO_TARGET_TMPDIR"));
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.kill_on_drop(true).output().await?;
        if !output.status.success() {
            let program = self.0.display();
            return Err(format!("{program} {question} ended with {}", output.status).into());
        }
        let Said { count, seconds } = serde_json::from_slice(&output.stdout)?;
        Ok(Took::new(count, Duration::try_from_secs_f64(seconds)?))
    }
}
