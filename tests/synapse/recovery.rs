//! R4, R13: more happened than a sync holds, the store's token is wrong, or the store is gone.

use std::fs;
use std::time::Duration;

use matrix_bridge::{
    Account as Owner, Advance, Batch, CommitOutcome, Position, SourceId, SqliteStore,
    StateStore as _, Timestamp,
};
use matrix_bridge_testkit::person::Person;
use matrix_bridge_testkit::synapse::Account;
use serde_json::Value;

use crate::http;
use crate::load::{all_are_answered_once_in_order, ask};
use crate::said::texts;
use crate::setup::Setup;
use crate::until::within;
use crate::world::{World, joined, room};

/// More than a Synapse gives in one timeline (100), and more than two pages.
const MANY: usize = 250;

/// A bot sends some tens of messages a second.
const LONG: Duration = Duration::from_secs(180);

/// A bot that has followed a room and is stopped, and who asks there.
struct Scene {
    world: World,
    ann: Person,
    bot: Account,
    room: String,
    setup: Setup,
}

impl Scene {
    async fn new(name: &'static str) -> Self {
        let world = World::shared(name);
        let (ann, bot) = (world.person("ann").await, world.account("bot").await);
        let room = room(&ann, &[&bot.user_id]).await;
        let setup = world.setup(&bot).active(std::slice::from_ref(&room));
        let router = setup.start().await;
        joined(&ann, &room, &bot.user_id).await;
        ask(&ann, &room, &bot.user_id, "first").await;
        assert!(router.stop().await.success());
        Self {
            world,
            ann,
            bot,
            room,
            setup,
        }
    }

    async fn say(&self, count: usize) {
        for number in 0..count {
            self.ann
                .say(&self.room, &format!("!echo {number}"))
                .await
                .unwrap();
        }
    }

    /// Starts the bot, waits for the answer to one more question, and checks all.
    async fn all_is_answered(&self, setup: &Setup) -> usize {
        let router = setup.start().await;
        self.ann.say(&self.room, "!echo last").await.unwrap();
        until_last(&self.ann, &self.room, &self.bot).await;
        let answered = self.check().await;
        let health: Value = serde_json::from_str(&router.get("/healthz").await.body).unwrap();
        assert!(!health.to_string().contains("sync_token"), "{health}");
        assert!(router.stop().await.success());
        // A second life says nothing more.
        let router = setup.start().await;
        ask(&self.ann, &self.room, &self.bot.user_id, "after all").await;
        assert!(router.stop().await.success());
        assert_eq!(self.check().await, answered + 1);
        answered
    }

    async fn check(&self) -> usize {
        all_are_answered_once_in_order(&self.ann, &self.room, self.ann.user_id(), &self.bot.user_id)
            .await
    }

    async fn put_position(&self, token: &str) {
        let store = SqliteStore::open(self.setup.store_path()).unwrap();
        let source = SourceId::new(format!("sync/{}", self.bot.user_id));
        let expected = store.checkpoint(&source).await.unwrap().generation;
        let mut batch = Batch::new(Owner::new(&self.bot.user_id), Timestamp(1));
        batch.advance = Some(Advance {
            source,
            expected,
            position: Some(Position::new(token)),
        });
        assert_eq!(store.commit(batch).await.unwrap(), CommitOutcome::Applied);
        store.close().await.unwrap();
    }
}

async fn until_last(ann: &Person, room: &str, bot: &Account) {
    within(LONG, "the last answer", async || {
        let said = texts(ann, room, &bot.user_id).await;
        said.iter().any(|text| text == "last").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_said_in_two_rooms_during_a_stop_is_answered_once_and_in_order() {
    let scene = Scene::new("gaps").await;
    let Scene {
        world, ann, bot, ..
    } = &scene;
    let other = room(ann, &[&bot.user_id]).await;
    let rooms = [scene.room.clone(), other];
    let setup = world.setup(bot).active(&rooms);
    let router = setup.start().await;
    joined(ann, &rooms[1], &bot.user_id).await;
    ask(ann, &rooms[1], &bot.user_id, "first").await;
    router.kill9().await;
    for number in 0..MANY {
        for room in &rooms {
            ann.say(room, &format!("!echo {number}")).await.unwrap();
        }
    }

    let router = setup.start().await;
    for room in &rooms {
        ann.say(room, "!echo last").await.unwrap();
    }
    for room in &rooms {
        until_last(ann, room, bot).await;
        let answered = all_are_answered_once_in_order(ann, room, ann.user_id(), &bot.user_id).await;
        assert_eq!(answered, MANY + 2);
    }
    let filled = router.metric("matrix_gap_events_total").await;
    assert!(filled >= 2.0 * (MANY as f64 - 101.0), "{filled}");
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_token_that_is_none_is_bridged() {
    let scene = Scene::new("garbage").await;
    for (index, token) in ["garbage", "", "t5_2"].into_iter().enumerate() {
        scene.put_position(token).await;
        scene.say(5).await;
        // The last one and the one after it belong to each round.
        let answered = scene.all_is_answered(&scene.setup).await;
        assert_eq!(answered, 7 + index * 7, "{token}");
    }
}

#[tokio::test]
async fn a_token_of_another_user_or_of_the_future_is_found_out() {
    let scene = Scene::new("foreign").await;
    let stranger = scene.world.account("stranger").await;
    scene.say(20).await;
    let sync = "/_matrix/client/v3/sync";
    let token = Some(stranger.access_token.as_str());
    let foreign: Value = serde_json::from_str(
        &http::ask(scene.world.base_url(), "GET", sync, token, None)
            .await
            .body,
    )
    .unwrap();
    let foreign = foreign["next_batch"].as_str().unwrap();
    scene.say(5).await;
    scene.put_position(foreign).await;
    assert_eq!(scene.all_is_answered(&scene.setup).await, 27);

    scene.say(5).await;
    scene.put_position("s999999999").await;
    assert_eq!(scene.all_is_answered(&scene.setup).await, 34);
}

#[tokio::test]
async fn a_backup_of_the_store_that_is_restored_answers_nothing_twice() {
    let scene = Scene::new("restored").await;
    let store = scene.setup.store_path();
    let backup = scene.world.path("backup.db");
    fs::copy(store, &backup).unwrap();
    scene.say(5).await;
    assert_eq!(scene.all_is_answered(&scene.setup).await, 7);

    fs::copy(&backup, store).unwrap();
    scene.say(5).await;
    let router = scene.setup.start().await;
    let (ann, bot) = (&scene.ann, &scene.bot.user_id);
    ask(ann, &scene.room, bot, "restored").await;

    assert_eq!(scene.check().await, 14);
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_deleted_store_begins_from_now_and_answers_nothing_twice() {
    let scene = Scene::new("deleted").await;
    let setup = scene.setup.clone().store(scene.world.path("new.db"));

    let router = setup.start().await;
    ask(&scene.ann, &scene.room, &scene.bot.user_id, "new").await;

    assert_eq!(scene.check().await, 2);
    assert!(router.stop().await.success());
}
