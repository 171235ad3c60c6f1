//! What happens: two rooms, a thread, two people, and a bot that goes away and returns.

use std::{error::Error, time::Duration};

use matrix_bridge_testkit::homeserver::{Account, Homeserver, TestHomeserver};
use serde_json::json;

use crate::{
    bot,
    transcript::{Line, Transcript},
};

const PATIENCE: Duration = Duration::from_secs(8);

struct Scene {
    homeserver: TestHomeserver,
    alice: Account,
    bob: Account,
    bot: Account,
    kitchen: String,
    workshop: String,
    transcript: Transcript,
}

/// Plays the scene, prints it, and checks that every question has its one answer.
pub(crate) async fn play() -> Result<String, Box<dyn Error>> {
    let mut scene = Scene::set();
    let socket = scene.homeserver.serve().await?;
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("bot.db");
    let token = scene.bot.access_token.clone();

    let bot = bot::start(&socket.base_url(), token.clone(), &store).await?;
    scene.bot_has_synced().await?;
    scene.morning().await?;
    bot.stop().await?;

    scene
        .transcript
        .aside("the bot is stopped; people go on writing");
    scene.noon();

    scene
        .transcript
        .aside("the bot starts again, from where it stopped");
    let bot = bot::start(&socket.base_url(), token, &store).await?;
    scene.answered().await?;
    scene.afternoon().await?;
    bot.stop().await?;

    scene.transcript.print(&scene.homeserver);
    scene
        .transcript
        .check(&scene.homeserver, &scene.bot.user_id)?;
    Ok("quickstart: ok".to_owned())
}

impl Scene {
    fn set() -> Self {
        let homeserver = TestHomeserver::new();
        let [alice, bob, bot] = ["alice", "bob", "bot"].map(|name| homeserver.register(name));
        let [kitchen, workshop] = ["Kitchen", "Workshop"].map(|name| {
            let body = json!({"name": name, "preset": "public_chat"});
            let room = homeserver.create_room_with(&alice.user_id, &body);
            homeserver.join(&room, &bob.user_id);
            homeserver.join(&room, &bot.user_id);
            room
        });
        let transcript = Transcript::new([(&kitchen, "Kitchen"), (&workshop, "Workshop")]);
        Self {
            homeserver,
            alice,
            bob,
            bot,
            kitchen,
            workshop,
            transcript,
        }
    }

    /// A bot's first sync decides what is history: nobody speaks before it.
    async fn bot_has_synced(&self) -> Result<(), Box<dyn Error>> {
        let is_long_polling = |server: &Homeserver| {
            server
                .requests()
                .iter()
                .any(|request| request.query.contains("since="))
        };
        self.homeserver.wait_for(is_long_polling, PATIENCE).await?;
        Ok(())
    }

    async fn morning(&mut self) -> Result<(), Box<dyn Error>> {
        let (alice, bob) = (self.alice.user_id.clone(), self.bob.user_id.clone());
        self.says(
            Line::Chat,
            &self.kitchen.clone(),
            &alice,
            "Good morning! Is the bot awake?",
        );
        self.says(
            Line::Question("pong"),
            &self.kitchen.clone(),
            &alice,
            "!ping",
        );
        let workshop = self.workshop.clone();
        let root = self.says(
            Line::Chat,
            &workshop,
            &bob,
            "What do we need for the shelf?",
        );
        self.threads(Line::Question("two bolts"), &root, &bob, "!echo two bolts");
        self.threads(Line::Question("a plank"), &root, &alice, "!echo a plank");
        self.answered().await
    }

    fn noon(&mut self) {
        let (alice, bob) = (self.alice.user_id.clone(), self.bob.user_id.clone());
        let (kitchen, workshop) = (self.kitchen.clone(), self.workshop.clone());
        self.says(
            Line::Question("soup's ready"),
            &kitchen,
            &bob,
            "!echo soup's ready",
        );
        let root = self.transcript.first_in(&workshop);
        self.threads(
            Line::Question("and some glue"),
            &root,
            &alice,
            "!echo and some glue",
        );
        self.says(Line::Question("pong"), &workshop, &bob, "!ping");
    }

    async fn afternoon(&mut self) -> Result<(), Box<dyn Error>> {
        let alice = self.alice.user_id.clone();
        self.says(
            Line::Question("pong"),
            &self.kitchen.clone(),
            &alice,
            "!ping",
        );
        self.answered().await
    }

    fn says(&mut self, line: Line, room: &str, who: &str, body: &str) -> String {
        let event = self.homeserver.send_text(room, who, body);
        self.transcript.note(line, room, None, &event);
        event
    }

    fn threads(&mut self, line: Line, root: &str, who: &str, body: &str) {
        let room = self.workshop.clone();
        let event = self.homeserver.send_in_thread(&room, who, root, body);
        self.transcript.note(line, &room, Some(root), &event);
    }

    /// Waits until the bot has said as much as it was asked.
    async fn answered(&self) -> Result<(), Box<dyn Error>> {
        let expected = self.transcript.questions();
        let (rooms, bot) = ([&self.kitchen, &self.workshop], &self.bot.user_id);
        let has_answered = |server: &Homeserver| {
            let said = rooms.iter().flat_map(|room| server.messages_in(room));
            said.filter(|message| message.sender == *bot).count() >= expected
        };
        self.homeserver
            .wait_for(has_answered, PATIENCE)
            .await
            .map_err(|_| {
                format!("the bot did not answer all of {expected} questions within {PATIENCE:?}")
            })?;
        Ok(())
    }
}
