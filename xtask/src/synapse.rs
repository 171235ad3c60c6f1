//! Tests against a real homeserver: one Synapse for the whole run.

use std::fs;
use std::io;
use std::path::PathBuf;

use matrix_bridge_testkit::python::PythonEnvironment;
use matrix_bridge_testkit::synapse::{SharedSynapse, Synapse, SynapseConfig};

use super::failure::Failure;
use super::kill::{self, Place};
use super::runner::{Shell, cargo, target};

/// Package, test target, which of its tests, and how many at once.
const TARGETS: [(&str, &str, &str, &str); 3] = [
    // Nearly each of its tests starts a Synapse of its own.
    ("matrix-bridge-testkit", "real_server", "", "2"),
    // On the shared server; other crates have tests of that name, too, which need none.
    ("matrix-bridge-testkit", "it", "quirks::synapse", "3"),
    ("matrix-bridge", "synapse", "", "4"),
];

/// How many rounds of kills follow the tests.
const ROUNDS: u64 = 3;

const BOT: &[&str] = &[
    "build",
    "--workspace",
    "--example",
    "room_router",
    "--features",
    "matrix-bridge/real-server,matrix-bridge/postgres-rustls",
];

/// Runs the tests against one Synapse, and then kills the bot there a few times.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    let (python, synapse) = started(shell, "shared-synapse").await?;
    // The bot under test: the tests run it as a process, and cargo builds no examples for them.
    let mut results = vec![shell.cargo(BOT).await];
    for (package, target, which, threads) in TARGETS {
        shell.say(&format!("testing {package}: {target}"));
        let mut command = cargo();
        // With the whole workspace, or cargo would build half of the dependencies anew for other features.
        command.args(["test", "--workspace", "--test", target]);
        command
            .arg("--features")
            .arg(format!("{package}/real-server"));
        command.args(["--", which, "--test-threads", threads]);
        if shell.full() {
            command.arg("--include-ignored");
        }
        command.envs(SharedSynapse::variables(&synapse, &python));
        results.push(shell.run(command).await);
    }
    let place = Place::synapse(&python, synapse, true).await?;
    results.push(kill::few(shell, ROUNDS, place).await);
    Failure::all(results)
}

/// Installs Synapse if need be, and starts a new one in that folder of the testkit's.
pub(crate) async fn started(
    shell: &Shell,
    name: &str,
) -> Result<(PythonEnvironment, Synapse), Failure> {
    let folder = target().join("testkit");
    let python = PythonEnvironment::prepare(&folder, |line| shell.say(line))
        .await
        .map_err(server)?;
    let data = emptied(folder.join(name))?;
    shell.say("starting Synapse");
    let synapse = Synapse::start(SynapseConfig::new(&python, data))
        .await
        .map_err(server)?;
    shell.say(&format!("Synapse runs at {}", synapse.base_url()));
    Ok((python, synapse))
}

/// The folder without what an earlier run left in it.
pub(crate) fn emptied(folder: PathBuf) -> Result<PathBuf, Failure> {
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(folder)(error)),
        _ => Ok(folder),
    }
}

/// For `map_err`: what a server or a person failed at.
pub(crate) fn server(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Server(error.into())
}
