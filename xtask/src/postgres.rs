//! Tests against a real PostgreSQL: one server for the whole run.

use std::time::Duration;

use matrix_bridge_testkit::postgres::{Binaries, Postgres, PostgresConfig, SharedPostgres};

use super::failure::Failure;
use super::kill;
use super::runner::{Shell, cargo, target};
use super::synapse::{emptied, server};

/// How long a pair of bots is killed.
const KILLED_FOR: Duration = Duration::from_secs(20);

/// Those of the step that tests on Synapse, too: with others cargo would build half of the dependencies anew.
const FEATURES: &str = "matrix-bridge/real-server,matrix-bridge/postgres-rustls";
const BOT: &[&str] = &[
    "build",
    "--workspace",
    "--example",
    "room_router",
    "--features",
    FEATURES,
];

/// The test target, of the store's package and of the facade's.
const TARGET: &str = "postgres";

/// Runs the tests against one server, which is stopped afterwards.
pub(crate) async fn run(shell: &Shell) -> Result<(), Failure> {
    let mut postgres = started(shell, "shared-postgres", &[]).await?;
    let mut results = Vec::new();
    // The bot under test: the tests run it as a process, and cargo builds no examples for them.
    results.push(shell.cargo(BOT).await);
    shell.say("testing on it");
    let mut command = cargo();
    command.args(["test", "--workspace", "--test", TARGET, "--features"]);
    command.arg(format!(
        "{FEATURES},matrix-bridge-store-postgres/real-server"
    ));
    let (name, url) = SharedPostgres::variable(&postgres);
    command.env(name, url);
    results.push(shell.run(command).await);
    results.push(postgres.stop().await.map_err(server));
    results.push(pair(shell).await);
    Failure::all(results)
}

/// Two bots on one database are killed for a while.
async fn pair(shell: &Shell) -> Result<(), Failure> {
    if kill::pair(shell, None, KILLED_FOR).await? {
        return Ok(());
    }
    let advice = "killing failed; `cargo xtask kill --pair --seed S` tries again";
    Err(Failure::Findings(vec![advice.to_owned()]))
}

/// Starts a new server in that folder of the testkit's, with these parameters; installs one first if need be.
pub(crate) async fn started(
    shell: &Shell,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Postgres, Failure> {
    let folder = target().join("testkit");
    let binaries = Binaries::find(&folder, |line| shell.say(line))
        .await
        .map_err(server)?;
    let data = emptied(folder.join(name))?;
    shell.say("starting PostgreSQL");
    let mut config = PostgresConfig::new(&binaries, data);
    for (name, value) in settings {
        config = config.setting(*name, *value);
    }
    let postgres = Postgres::start(config).await.map_err(server)?;
    shell.say(&format!("PostgreSQL runs at {}", postgres.url()));
    Ok(postgres)
}
