//! The configuration of a `room_router`, as an operator writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use matrix_bridge_testkit::synapse::Account;

use crate::router::Router;
use crate::world::World;

/// The files of one bot. Each start of it uses the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    homeserver: String,
    user: String,
    rooms: BTreeMap<String, &'static str>,
    mode: &'static str,
    join: &'static str,
    history: Option<u32>,
    path: PathBuf,
    token: PathBuf,
    store: PathBuf,
}

impl Setup {
    /// The bot `account`, in no room yet.
    pub(crate) fn new(world: &World, account: &Account) -> Self {
        let setup = Self {
            homeserver: world.base_url().to_owned(),
            user: account.user_id.clone(),
            rooms: BTreeMap::new(),
            mode: "active",
            join: "allowlist",
            history: None,
            path: world.path("router.toml"),
            token: world.path("router.token"),
            store: world.path("router.db"),
        };
        setup.write_token(&account.access_token);
        setup
    }

    /// Lists a room; `mode` is active, shadow or off.
    pub(crate) fn room(mut self, id: &str, mode: &'static str) -> Self {
        self.rooms.insert(id.to_owned(), mode);
        self
    }

    /// Lists rooms as active.
    pub(crate) fn active(mut self, ids: &[String]) -> Self {
        self.rooms
            .extend(ids.iter().cloned().map(|id| (id, "active")));
        self
    }

    /// The mode over those of the rooms.
    pub(crate) fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// What is done about invites.
    pub(crate) fn join(mut self, policy: &'static str) -> Self {
        self.join = policy;
        self
    }

    /// How many old messages are answered.
    pub(crate) fn history(mut self, count: u32) -> Self {
        self.history = Some(count);
        self
    }

    /// Another store, empty at first.
    pub(crate) fn store(mut self, path: PathBuf) -> Self {
        self.store = path;
        self
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(crate) fn store_path(&self) -> &PathBuf {
        &self.store
    }

    pub(crate) fn token_path(&self) -> &PathBuf {
        &self.token
    }

    /// Puts a token into the bot's file.
    pub(crate) fn write_token(&self, token: &str) {
        fs::write(&self.token, token).unwrap();
    }

    /// Writes the file.
    pub(crate) fn write(&self) {
        fs::write(&self.path, self.text()).unwrap();
    }

    /// Writes the file and starts the bot with it; returns when it is connected.
    pub(crate) async fn start(&self) -> Router {
        self.write();
        Router::start(&self.path).await
    }

    fn text(&self) -> String {
        let mut text = format!(
            "[matrix]\nhomeserver_url = {:?}\nuser_id = {:?}\naccess_token_file = {:?}\n\
             state_store = {:?}\nmode = {:?}\n\n[matrix.join]\npolicy = {:?}\n\n\
             [http]\nlisten = \"127.0.0.1:0\"\n",
            self.homeserver, self.user, self.token, self.store, self.mode, self.join
        );
        if let Some(count) = self.history {
            write!(text, "\n[matrix.first_sync]\nhistory = {count}\n").unwrap();
        }
        for (id, mode) in &self.rooms {
            write!(text, "\n[[matrix.rooms]]\nid = {id:?}\nmode = {mode:?}\n").unwrap();
        }
        text
    }
}
