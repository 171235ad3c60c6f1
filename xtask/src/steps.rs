//! The steps, cheapest first.

use super::failure::Failure;
use super::kill::{self, Place};
use super::runner::{Shell, cargo};
use super::{checks, package, postgres, quickstart, sim, synapse};

/// One thing that must hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Fmt,
    Rules,
    Coexistence,
    Clippy,
    Features,
    Test,
    Sim,
    Docs,
    Package,
    Quickstart,
    Postgres,
    Synapse,
}

impl Step {
    /// In the order in which they run.
    pub(crate) const ALL: [Self; 12] = [
        Self::Fmt,
        Self::Rules,
        Self::Coexistence,
        Self::Clippy,
        Self::Features,
        Self::Test,
        Self::Sim,
        Self::Docs,
        Self::Package,
        Self::Quickstart,
        Self::Postgres,
        Self::Synapse,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Rules => "rules",
            Self::Coexistence => "coexistence",
            Self::Clippy => "clippy",
            Self::Features => "features",
            Self::Test => "test",
            Self::Sim => "sim",
            Self::Docs => "docs",
            Self::Package => "package",
            Self::Quickstart => "quickstart",
            Self::Postgres => "postgres",
            Self::Synapse => "synapse",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Fmt => "the code is formatted",
            Self::Rules => {
                "licenses, sources and Rust versions of dependencies; planted bugs fit the code"
            }
            Self::Coexistence => "the SQLite store lives beside sqlx and matrix-sdk-sqlite",
            Self::Clippy => "no warnings, in tests and examples neither",
            Self::Features => "each crate builds without its features, and with each one alone",
            Self::Test => {
                "unit, integration and documentation tests; the bot is killed; without any server"
            }
            Self::Sim => "days in virtual time, from seeds, with everything that goes wrong",
            Self::Docs => "the documentation builds without warnings",
            Self::Package => "every crate can be packaged, and builds from its package",
            Self::Quickstart => "the quickstart example ends well and quickly",
            Self::Postgres => "tests against a real database, with processes that are killed",
            Self::Synapse => "tests against a real homeserver, with people played by matrix-nio",
        }
    }

    pub(crate) async fn run(self, shell: &Shell) -> Result<(), Failure> {
        match self {
            Self::Fmt => shell.cargo(&["fmt", "--all", "--check"]).await,
            Self::Rules => checks::rules(shell).await,
            Self::Coexistence => checks::coexistence(shell).await,
            Self::Clippy => shell.cargo(CLIPPY).await,
            Self::Features => checks::features(shell).await,
            Self::Test => test(shell).await,
            Self::Sim => sim::some(shell).await,
            Self::Docs => docs(shell).await,
            Self::Package => package::run(shell).await,
            Self::Quickstart => quickstart::run(shell).await,
            Self::Postgres => postgres::run(shell).await,
            Self::Synapse => synapse::run(shell).await,
        }
    }
}

const CLIPPY: &[&str] = &[
    "clippy",
    "--workspace",
    "--all-targets",
    "--all-features",
    "--",
    "-D",
    "warnings",
];

/// The rounds of kills take the bot that the tests have built.
async fn test(shell: &Shell) -> Result<(), Failure> {
    const ROUNDS: u64 = 10;
    let tests = shell
        .cargo(&[
            "test",
            "--workspace",
            "--no-fail-fast",
            "--features",
            "matrix-bridge/backoff",
        ])
        .await;
    let kills = kill::few(shell, ROUNDS, Place::Testkit).await;
    Failure::all([tests, kills])
}

async fn docs(shell: &Shell) -> Result<(), Failure> {
    let mut command = cargo();
    command.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell.run(command).await
}
