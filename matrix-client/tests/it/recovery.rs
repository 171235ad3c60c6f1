//! A position that is wrong, lost or refused, and a store that is older than it should
//! be or gone: nothing is lost that is not old, and nothing is answered twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use matrix_bridge_client::SyncSettings;
use matrix_bridge_core::{
    Account, Advance, Batch, CommitOutcome, Context, Event, HandlerError, MemoryStore, Position,
    SourceId, StateStore, Status, Timestamp,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, Homeserver};

use crate::{
    away::numbers,
    world::{Setup, World, pass},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn with_store(store: MemoryStore) -> Setup {
    Setup {
        store: Some(Arc::new(store)),
        ..Setup::default()
    }
}

impl World {
    fn source(&self) -> SourceId {
        SourceId::new(format!("sync/{}", self.bot.user_id))
    }

    /// Where the bot's store stands.
    pub(crate) async fn position(&self) -> String {
        let checkpoint = self.store.checkpoint(&self.source()).await.unwrap();
        checkpoint.position.unwrap().as_str().to_owned()
    }

    /// Puts another position into the bot's store.
    pub(crate) async fn put_position(&self, token: &str) {
        let source = self.source();
        let checkpoint = self.store.checkpoint(&source).await.unwrap();
        let mut batch = Batch::new(Account::new(&self.bot.user_id), Timestamp(1));
        batch.advance = Some(Advance {
            source,
            expected: checkpoint.generation,
            position: Some(Position::new(token)),
        });
        let outcome = self.store.commit(batch).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Applied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_position_is_bridged_from_the_last_event_seen_in_each_room() {
    for garbage in ["garbage", "", "s1_2_3_4_5_6_7_8_9_10_11_12_13_14_15", "t5"] {
        let world = World::new();
        let [full, little, quiet] = [
            world.followed_room().await,
            world.followed_room().await,
            world.followed_room().await,
        ];
        world.alice_asks(&full, 0..250);
        world.alice_asks(&little, 0..3);
        world.put_position(garbage).await;

        let bot = world.begin(Setup::default()).await;

        pass(Duration::from_secs(600)).await;
        assert_eq!(world.said(&full)[1..], numbers(0..250), "{garbage}");
        assert_eq!(world.said(&little)[1..], numbers(0..3), "{garbage}");
        assert_eq!(world.said(&quiet), ["first"], "{garbage}");
        assert_eq!(bot.reasons(), [""; 0], "{garbage}");
        bot.stop().await;
        // The new position holds.
        let bot = world.start(Setup::default()).await;
        world.alice_says(&quiet, "!ping");
        world.until_said(&quiet, 2).await;
        bot.stop().await;
    }
}

/// The homeserver would know a second answer again; the handler must not be asked.
#[tokio::test(start_paused = true)]
async fn what_history_overlaps_with_is_not_handled_again() {
    let world = World::new();
    let room = world.followed_room().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let handler = move |event: Event, _: Context| {
        counted.fetch_add(usize::from(event.text().is_some()), Ordering::Relaxed);
        async move { Ok::<_, HandlerError>(event.reply("yes")) }
    };
    world.alice_asks(&room, 0..20);
    world.put_position("garbage").await;

    let setup = Setup {
        handler: Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(calls.load(Ordering::Relaxed), 20);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_in_history_is_not_handled_again() {
    let world = World::new();
    let room = world.followed_room().await;
    let position = world.server.look(Homeserver::next_batch);
    let calls = Arc::new(AtomicUsize::new(0));
    let setup = || {
        let counted = calls.clone();
        let handler = move |event: Event, _: Context| {
            counted.fetch_add(usize::from(event.text().is_some()), Ordering::Relaxed);
            async move { Ok::<_, HandlerError>(event.reply("yes")) }
        };
        Setup {
            handler: Arc::new(handler),
            ..Setup::default()
        }
    };
    let bot = world.start(setup()).await;
    world.alice_asks(&room, 0..20);
    world.until_said(&room, 21).await;
    pass(Duration::from_secs(60)).await;
    bot.stop().await;

    world.put_position(&position).await;
    world.server.fault(Fault::limited_timeline(5));
    let bot = world.start(setup()).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(calls.load(Ordering::Relaxed), 20);
    assert_eq!(world.server.faults_left(), 0);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn health_says_what_happened_until_it_is_mended() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..150);
    world.put_position("garbage").await;
    let slow = Fault::late_reply(Duration::from_secs(30));
    world.server.fault(slow.on(Endpoint::Messages).forever());

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(45)).await;
    let health = bot.health();
    assert_eq!(health.status, Status::Degraded);
    assert_eq!(health.reasons[0].code, "sync_token");
    assert!(
        health.reasons[0].message.contains("last event seen"),
        "{health:?}"
    );

    assert_eq!(world.until_said(&room, 151).await[1..], numbers(0..150));
    assert_eq!(bot.reasons(), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_homeserver_that_refuses_every_position_is_not_asked_in_a_loop() {
    let world = World::new();
    let room = world.followed_room().await;
    let refused = Fault::error(StatusCode::BAD_REQUEST, "M_UNKNOWN_POS");
    let bot = world.start(Setup::default()).await;
    world.server.clear_requests();
    world.server.fault(refused.on(Endpoint::Sync).times(10));

    world.alice_says(&room, "!ping");
    pass(HOUR).await;

    assert_eq!(world.server.faults_left(), 0);
    let syncs = world.asked(Endpoint::Sync).len();
    assert!(syncs < 200, "{syncs}");
    assert_eq!(world.said(&room), ["first", "pong"]);
    assert_eq!(bot.reasons(), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_backup_answers_nothing_twice() {
    let world = World::new();
    let room = world.followed_room().await;
    let backup = world.store.backup();
    let bot = world.start(Setup::default()).await;
    world.alice_asks(&room, 0..20);
    world.until_said(&room, 21).await;
    bot.stop().await;
    world.alice_asks(&room, 20..25);
    pass(HOUR).await;

    let bot = world.start(with_store(backup)).await;
    let said = world.until_said(&room, 26).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(said[1..], numbers(0..25));
    assert_eq!(world.said(&room).len(), 26);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backup_of_last_week_does_not_answer_last_weeks_commands() {
    for is_refused in [false, true] {
        let world = World::new();
        let room = world.followed_room().await;
        let backup = world.store.backup();
        world.alice_asks(&room, 0..200);
        pass(HOUR * 24 * 7).await;
        world.alice_asks(&room, 200..203);
        if is_refused {
            let refused = Fault::error(StatusCode::BAD_REQUEST, "M_UNKNOWN_POS");
            world.server.fault(refused.on(Endpoint::Sync));
        }

        let bot = world.start(with_store(backup)).await;
        world.until_said(&room, 4).await;
        pass(Duration::from_secs(600)).await;

        assert_eq!(world.said(&room)[1..], numbers(200..203), "{is_refused}");
        assert_eq!(bot.reasons(), [""; 0], "{is_refused}");
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_store_begins_from_now() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..20);

    let bot = world.start(with_store(MemoryStore::new())).await;
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 2).await, ["first", "pong"]);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room).len(), 2);
    assert_eq!(world.asked(Endpoint::Messages), []);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_joined_while_the_position_was_lost_is_read_from_our_join() {
    let world = World::new();
    let known = world.followed_room().await;
    let room = world.server.create_room(&world.alice.user_id);
    world.alice_asks(&room, 0..5);
    world
        .server
        .invite(&room, &world.alice.user_id, &world.bot.user_id);
    world.server.join(&room, &world.bot.user_id);
    world.alice_asks(&room, 5..10);
    world.put_position("garbage").await;

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), numbers(5..10));
    assert_eq!(world.said(&known), ["first"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_that_what_it_gets_is_late_and_how_old_it_is() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_says(&room, "one");
    pass(HOUR).await;
    world.alice_says(&room, "two");
    world.put_position("garbage").await;
    let handler = |event: Event, context: Context| async move {
        let text = event.text().unwrap_or_default();
        let age = context.age().as_secs() / 60;
        let late = context.is_catch_up();
        Ok::<_, HandlerError>(event.reply(format!("{text} {age} {late}")))
    };

    let bot = world
        .start(Setup {
            handler: Arc::new(handler),
            ..Setup::default()
        })
        .await;

    let said = world.until_said(&room, 3).await;
    assert_eq!(said[1..], ["one 60 true", "two 0 true"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_refused_again_costs_nothing_of_a_gap_that_is_still_open() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..3);
    world.put_position("garbage").await;
    world.server.fault(Fault::limited_timeline(1));
    world
        .server
        .fault(Fault::refused().on(Endpoint::Messages).forever());
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(10)).await;
    bot.stop().await;

    world.put_position("garbage").await;
    world.server.clear_faults();
    // This time the timeline holds what is in the gap, and nothing before it.
    let sync = SyncSettings {
        first_timeline: 3,
        ..SyncSettings::default()
    };
    let setup = Setup {
        sync,
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room)[1..], numbers(0..3));
    bot.stop().await;
}
