//! The configuration of a `room_router`, as an operator writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::router::Router;

/// The files of one bot. Each start of it uses the same ones.
#[derive(Clone, Debug)]
pub struct Setup {
    homeserver: String,
    user: String,
    rooms: BTreeMap<String, &'static str>,
    mode: &'static str,
    join: &'static str,
    history: Option<u32>,
    path: PathBuf,
    token: PathBuf,
    /// Whether the token's file holds a session.
    is_session: bool,
    store: PathBuf,
    takeover: Option<Duration>,
}

impl Setup {
    /// A bot that is `user` at the homeserver, in no room yet. Its files are in `folder`.
    #[must_use]
    pub fn new(homeserver: &str, user: &str, token: &str, folder: &Path) -> Self {
        let setup = Self {
            homeserver: homeserver.to_owned(),
            user: user.to_owned(),
            rooms: BTreeMap::new(),
            mode: "active",
            join: "allowlist",
            history: None,
            path: folder.join("router.toml"),
            token: folder.join("router.token"),
            is_session: false,
            store: folder.join("router.db"),
            takeover: None,
        };
        setup.write_token(token);
        setup
    }

    /// Lists a room; `mode` is active, shadow or off.
    #[must_use]
    pub fn room(mut self, id: &str, mode: &'static str) -> Self {
        self.rooms.insert(id.to_owned(), mode);
        self
    }

    /// Lists rooms as active.
    #[must_use]
    pub fn active(mut self, ids: &[String]) -> Self {
        self.rooms
            .extend(ids.iter().cloned().map(|id| (id, "active")));
        self
    }

    /// The mode over those of the rooms.
    #[must_use]
    pub fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// What is done about invites.
    #[must_use]
    pub fn join(mut self, policy: &'static str) -> Self {
        self.join = policy;
        self
    }

    /// How many old messages are answered.
    #[must_use]
    pub fn history(mut self, count: u32) -> Self {
        self.history = Some(count);
        self
    }

    /// How long it keeps its work from others on the same store when it is gone.
    #[must_use]
    pub fn takeover(mut self, span: Duration) -> Self {
        self.takeover = Some(span);
        self
    }

    /// Another store, empty at first: a file, or the address of a database.
    #[must_use]
    pub fn store(mut self, path: PathBuf) -> Self {
        self.store = path;
        self
    }

    /// The configuration.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The store.
    #[must_use]
    pub fn store_path(&self) -> &PathBuf {
        &self.store
    }

    /// The token.
    #[must_use]
    pub fn token_path(&self) -> &PathBuf {
        &self.token
    }

    /// Takes the token's file for a session: what a login answered.
    #[must_use]
    pub fn session(mut self) -> Self {
        self.is_session = true;
        self
    }

    /// Puts a token, or a session, into the bot's file.
    pub fn write_token(&self, token: &str) {
        fs::write(&self.token, token).unwrap();
    }

    /// Writes the file.
    pub fn write(&self) {
        fs::write(&self.path, self.text()).unwrap();
    }

    /// Writes the file and starts the bot with it; returns when it is connected.
    pub async fn start(&self) -> Router {
        self.write();
        Router::start(&self.path).await
    }

    fn text(&self) -> String {
        let key = if self.is_session {
            "session_file"
        } else {
            "access_token_file"
        };
        let takeover = self.takeover.unwrap_or(Duration::from_secs(15));
        let takeover = format!("{}s", takeover.as_secs());
        let mut text = format!(
            "[matrix]\nhomeserver_url = {:?}\nuser_id = {:?}\n{} = {:?}\n\
             state_store = {:?}\ntakeover = {:?}\nmode = {:?}\n\n[matrix.join]\npolicy = {:?}\n\n\
             [http]\nlisten = \"127.0.0.1:0\"\n",
            self.homeserver, self.user, key, self.token, self.store, takeover, self.mode, self.join
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
