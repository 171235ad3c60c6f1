//! The Synapse that a quirk is shown on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use matrix_bridge_testkit::{
    python::{PythonEnvironment, testkit_folder},
    synapse::{RateLimits, SharedSynapse, Synapse, SynapseConfig},
};
use serde_json::json;

use super::world::Needs;
use crate::client::Client;

/// Changes the database of a server, as its own administrator could.
const EXECUTE: &str = "import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=20) as database:
    database.execute(sys.argv[2], sys.argv[3:])
";

/// The Synapse of the whole run, or one of the test's own.
#[derive(Debug)]
pub(crate) enum Home {
    Shared(SharedSynapse),
    Own(Box<OwnSynapse>),
}

/// A Synapse that one test may do anything to.
#[derive(Debug)]
pub(crate) struct OwnSynapse {
    synapse: Synapse,
    python: PythonEnvironment,
    folder: PathBuf,
}

impl Home {
    pub(crate) async fn new(name: &str, needs: Needs) -> Self {
        let shared = SharedSynapse::from_env().unwrap();
        match (needs, shared) {
            (Needs::Anything, Some(shared)) => Self::Shared(shared),
            (needs, Some(shared)) => Self::own_one(name, needs, shared.python().clone()).await,
            (needs, None) => {
                let folder = testkit_folder().unwrap();
                let python = PythonEnvironment::prepare(folder, |_| ()).await.unwrap();
                Self::own_one(name, needs, python).await
            }
        }
    }

    async fn own_one(name: &str, needs: Needs, python: PythonEnvironment) -> Self {
        let folder = empty_folder(name);
        let config = set_up(SynapseConfig::new(&python, &folder), needs);
        Self::Own(Box::new(OwnSynapse {
            synapse: Synapse::start(config).await.unwrap(),
            python,
            folder,
        }))
    }

    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Shared(synapse) => synapse.base_url(),
            Self::Own(own) => own.synapse.base_url(),
        }
    }

    /// The server, if nobody else uses it.
    pub(crate) fn own(&mut self) -> &mut OwnSynapse {
        match self {
            Self::Own(own) => own,
            Self::Shared(_) => panic!("the server belongs to all tests"),
        }
    }
}

impl OwnSynapse {
    pub(crate) async fn back_up(&mut self) {
        self.synapse.stop().await.unwrap();
        fs::copy(self.database(), self.folder.join("backup.db")).unwrap();
        self.synapse.restart().await.unwrap();
    }

    pub(crate) async fn roll_back(&mut self) {
        self.synapse.stop().await.unwrap();
        fs::copy(self.folder.join("backup.db"), self.database()).unwrap();
        self.synapse.restart().await.unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.synapse.restart().await.unwrap();
    }

    /// By the admin API, which alone gives such tokens.
    pub(crate) async fn log_in_without_device(&mut self, who: &Client) -> String {
        let path = format!("/_synapse/admin/v1/users/{}/login", who.user());
        // Nobody may log in as themselves there.
        let admin = self.synapse.register("admin", "secret").await.unwrap();
        let admin = who.with_token(&admin.access_token);
        self.execute(
            "UPDATE users SET admin = 1 WHERE name = ?",
            &["@admin:localhost"],
        )
        .await;
        admin.post(&path, json!({})).await.text("access_token")
    }

    pub(crate) async fn purge_history(&mut self, who: &Client, room: &str, event: &str) {
        self.execute("UPDATE users SET admin = 1 WHERE name = ?", &[who.user()])
            .await;
        let path = format!("/_synapse/admin/v1/purge_history/{room}/{event}");
        let started = who
            .post(&path, json!({ "delete_local_events": true }))
            .await;
        assert_eq!(started.status, 200, "{:?}", started.body);
        let path = format!(
            "/_synapse/admin/v1/purge_history_status/{}",
            started.text("purge_id")
        );
        while who.get(&path).await.text("status") == "active" {}
    }

    /// Changes the database while the server is down: it would not notice otherwise.
    async fn execute(&mut self, statement: &str, values: &[&str]) {
        self.synapse.stop().await.unwrap();
        let mut command = Command::new(self.python.python());
        command.args(["-c", EXECUTE]).arg(self.database());
        let status = command.arg(statement).args(values).status().unwrap();
        assert!(status.success(), "{statement}");
        self.synapse.restart().await.unwrap();
    }

    fn database(&self) -> PathBuf {
        self.folder.join("homeserver.db")
    }
}

fn set_up(config: SynapseConfig, needs: Needs) -> SynapseConfig {
    match needs {
        Needs::Anything | Needs::ItsOwn => config,
        Needs::ShortTokens => config.setting("refreshable_access_token_lifetime", json!("2s")),
        Needs::Limits => config.rate_limits(RateLimits::ServersOwn),
    }
}

/// A folder of this test's own, empty.
fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("quirk-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}
