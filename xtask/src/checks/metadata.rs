//! What `cargo metadata` says, as far as the checks need it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::failure::Failure;
use crate::runner::{Shell, cargo, shown};

/// For commands that at most fetch an index.
pub(super) const LIMIT: Duration = Duration::from_secs(300);

/// The packages of the workspace and all that they depend on, for all platforms and features.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: Option<String>,
    /// `None` for a package of the workspace.
    pub(super) source: Option<String>,
    pub(super) rust_version: Option<String>,
    /// Empty for a package that is never published, `None` for one that goes anywhere.
    pub(super) publish: Option<Vec<String>>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) features: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) req: String,
    pub(super) path: Option<String>,
    /// `None` for the default one.
    pub(super) registry: Option<String>,
}

impl Metadata {
    pub(super) async fn of_workspace(shell: &Shell) -> Result<Self, Failure> {
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1"]);
        let what = shown(&command);
        let json = stdout(shell, command).await?;
        serde_json::from_str(&json).map_err(Failure::unreadable(what))
    }

    /// Our own packages that are published.
    pub(super) fn published(&self) -> impl Iterator<Item = &Package> {
        self.ours().filter(|package| package.publish.is_none())
    }

    /// The packages of the workspace.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.source.is_none())
    }

    /// Everybody else's.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.source.is_some())
    }
}

/// What a command writes; an error unless it ends with success.
pub(super) async fn stdout(shell: &Shell, command: Command) -> Result<String, Failure> {
    let what = shown(&command);
    let output = shell.capture(command, LIMIT).await?;
    if !output.status.success() {
        return Err(Failure::Command {
            command: what,
            status: output.status,
        });
    }
    String::from_utf8(output.stdout).map_err(Failure::unreadable(what))
}
