//! A homeserver on a socket, Alice, rooms, and the bot's folder.

use std::{fmt::Write as _, fs, path::PathBuf};

use matrix_bridge_testkit::homeserver::{
    Account, Endpoint, Homeserver, HomeserverSocket, TestHomeserver, TimelineEvent,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::bot::{self, Bot, PATIENCE};

pub(crate) struct World {
    pub(crate) server: TestHomeserver,
    pub(crate) socket: HomeserverSocket,
    pub(crate) alice: Account,
    pub(crate) bot: Account,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = TestHomeserver::new();
        let [alice, bot] = ["alice", "bot"].map(|name| server.register(name));
        Self {
            socket: server.serve().await.unwrap(),
            server,
            alice,
            bot,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A room of Alice's with the bot in it.
    pub(crate) fn room(&self) -> String {
        let room = self.server.create_room(&self.alice.user_id);
        self.server.join(&room, &self.bot.user_id);
        room
    }

    pub(crate) fn alice_says(&self, room: &str, body: &str) -> String {
        self.server.send_text(room, &self.alice.user_id, body)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path as an argument.
    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes the configuration: what is required, those rooms, and `more` tables.
    pub(crate) fn configure(&self, rooms: &[(&str, &str)], more: &str) {
        fs::write(self.path("token"), format!("{}\n", self.bot.access_token)).unwrap();
        let mut toml = format!(
            "[matrix]\nhomeserver_url = {:?}\nuser_id = {:?}\naccess_token_file = {:?}\n\
             state_store = {:?}\n",
            self.socket.base_url(),
            self.bot.user_id,
            self.path("token"),
            self.path("bot.db"),
        );
        for (id, mode) in rooms {
            write!(toml, "[[matrix.rooms]]\nid = {id:?}\nmode = {mode:?}\n").unwrap();
        }
        fs::write(self.path("c.toml"), toml + more).unwrap();
    }

    /// The bot's command with `more` arguments.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let config = self.text_path("c.toml");
        let mut arguments = vec!["--config", &config];
        arguments.extend(more);
        bot::command(&arguments)
    }

    /// Starts a bot and waits until it follows its rooms.
    pub(crate) async fn start(&self) -> Bot {
        let before = last_request(&self.server);
        let bot = Bot::start(self.command(&[]));
        self.followed_since(before).await;
        bot
    }

    /// Waits for a sync that goes on from an earlier one, later than that request.
    pub(crate) async fn followed_since(&self, number: u64) {
        let goes_on = |server: &Homeserver| {
            server.requests().iter().any(|request| {
                request.number > number
                    && request.endpoint == Endpoint::Sync
                    && request.query.contains("since=")
            })
        };
        let reached = self.server.wait_for(goes_on, PATIENCE).await;
        reached.expect("the bot follows its rooms");
    }

    /// Waits until `event` is answered, and gives the answers.
    pub(crate) async fn answers_to(&self, room: &str, event: &str) -> Vec<TimelineEvent> {
        let answers = |server: &Homeserver| {
            let mut messages = server.messages_in(room);
            messages.retain(|message| in_reply_to(message) == Some(event));
            messages
        };
        let is_answered = |server: &Homeserver| !answers(server).is_empty();
        let reached = self.server.wait_for(is_answered, PATIENCE).await;
        reached.expect("the question is answered");
        self.server.look(answers)
    }

    /// Alice asks, and the bot's one answer is waited for.
    pub(crate) async fn ask(&self, room: &str, body: &str) -> String {
        let question = self.alice_says(room, body);
        let answers = self.answers_to(room, &question).await;
        assert_eq!(answers.len(), 1);
        answers[0].body().to_owned()
    }
}

/// The number of the last request that the server had.
fn last_request(server: &TestHomeserver) -> u64 {
    server.requests().last().map_or(0, |request| request.number)
}

/// What a message replies to.
pub(crate) fn in_reply_to(message: &TimelineEvent) -> Option<&str> {
    message.content["m.relates_to"]["m.in_reply_to"]["event_id"].as_str()
}

/// The lines of a report.
pub(crate) fn json_lines(stdout: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
