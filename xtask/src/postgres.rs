//! Tests against a real PostgreSQL: one server for the whole run.

use matrix_bridge_testkit::postgres::{Binaries, Postgres, PostgresConfig, SharedPostgres};

use super::failure::Failure;
use super::runner::{Shell, cargo, target};
use super::synapse::{emptied, server};

/// Package and test target.
const TARGETS: [(&str, &str); 1] = [("matrix-bridge-store-postgres", "it")];

/// Runs the tests against one server, which is stopped afterwards.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    let mut postgres = started(shell, "shared-postgres").await?;
    let mut results = Vec::new();
    for (package, target) in TARGETS {
        shell.say(&format!("testing {package}: {target}"));
        let mut command = cargo();
        // With the whole workspace, or cargo would build half of the dependencies anew for other features.
        command.args(["test", "--workspace", "--test", target, "--features"]);
        command.arg(format!("{package}/real-server"));
        let (name, url) = SharedPostgres::variable(&postgres);
        command.env(name, url);
        results.push(shell.run(command).await);
    }
    results.push(postgres.stop().await.map_err(server));
    Failure::all(results)
}

/// Starts a new server in that folder of the testkit's; installs one first if need be.
pub(crate) async fn started(shell: &Shell, name: &str) -> Result<Postgres, Failure> {
    let folder = target().join("testkit");
    let binaries = Binaries::find(&folder, |line| shell.say(line))
        .await
        .map_err(server)?;
    let data = emptied(folder.join(name))?;
    shell.say("starting PostgreSQL");
    let postgres = Postgres::start(PostgresConfig::new(&binaries, data))
        .await
        .map_err(server)?;
    shell.say(&format!("PostgreSQL runs at {}", postgres.url()));
    Ok(postgres)
}
