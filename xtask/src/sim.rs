//! `cargo xtask sim`: days in virtual time, optimised.

use tokio::process::Command;

use crate::failure::Failure;
use crate::runner::{Shell, cargo};

/// How long new days are begun in a run of all steps, in seconds.
const SECONDS: &str = "120";

/// Lives the days that `arguments` say; whether all were good.
pub(crate) async fn run(arguments: &[String]) -> Result<bool, Failure> {
    let mut command = command();
    command.args(arguments);
    let status = command.status().await;
    Ok(status
        .map_err(|source| Failure::start(&command, source))?
        .success())
}

/// The kept seeds, one that nobody has seen yet, and as many as there is time for.
pub(crate) async fn some(shell: &Shell) -> Result<(), Failure> {
    let mut command = command();
    command.args(["--kept", "--new", "--seeds", "100000", "--seconds", SECONDS]);
    shell.run(command).await
}

fn command() -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "simulation"]);
    command.args(["--profile", "simulation", "--"]);
    command
}
