//! What must be one commit is one: whenever the store dies, it holds all of it or nothing.

use std::sync::Arc;
use std::time::Duration;

use matrix_bridge_core::{
    Account, OutboundQueue, Position, RowKey, Settings, SourceId, StateStore,
    ruma::{OwnedEventId, UserId},
};
use matrix_bridge_testkit::crash::{CrashingStore, Side};

use crate::world::{Setup, World, pass};

/// What the store holds about one question.
#[derive(Debug, PartialEq)]
struct Held {
    position_moved: bool,
    is_seen: bool,
    /// It waits in the inbox, or its answer is in the outbox.
    has_led_to_something: bool,
}

/// A question that is answered at once and one that goes to the inbox, and a store that dies after call `at`.
/// Returns whether it did.
async fn scenario(at: u64, side: Side) -> bool {
    let world = World::with_seed(at);
    let [quick, slow] = [world.room(), world.room()];
    world.start(Setup::default()).await.stop().await;
    let dying = Arc::new(CrashingStore::new(world.store.clone(), at, side));
    let settings = Settings {
        grace: Duration::from_millis(500),
        ..Settings::default()
    };

    let bot = world
        .begin(Setup {
            store: Some(dying.clone() as Arc<_>),
            settings,
            ..Setup::default()
        })
        .await;
    // After a start, what comes first is held back until it is clear that nothing is
    // missing before it.
    pass(Duration::from_secs(2)).await;
    let before = position(&world).await;
    let questions = [
        world.alice_says(&quick, "!ping"),
        world.alice_says(&slow, "!slow 3"),
    ];
    pass(Duration::from_secs(6)).await;
    bot.kill().await;

    let position_moved = position(&world).await != before;
    for (room, question) in [&quick, &slow].into_iter().zip(&questions) {
        let held = held(&world, room, question, position_moved).await;
        let all = Held {
            position_moved,
            is_seen: position_moved,
            has_led_to_something: position_moved,
        };
        assert_eq!(held, all, "{side:?} call {at}, {room}");
    }
    dying.crashed()
}

async fn position(world: &World) -> Option<Position> {
    let source = SourceId::new(format!("sync/{}", world.bot.user_id));
    world.store.checkpoint(&source).await.unwrap().position
}

async fn held(world: &World, room: &str, question: &str, position_moved: bool) -> Held {
    let user = UserId::parse(&world.bot.user_id).unwrap();
    let account = Account::from(&*user);
    let event = OwnedEventId::try_from(question).unwrap();
    let key = RowKey::effect(&account, &event, 0);
    let seen = world.store.seen(&account, &[event]).await.unwrap();
    let rows = world.store.rows(&[key]).await.unwrap();
    let lanes = world.store.inbox_lanes(&account, None, 10).await.unwrap();
    Held {
        position_moved,
        is_seen: seen == [true],
        has_led_to_something: rows[0].is_some() || lanes.iter().any(|lane| lane.room == room),
    }
}

async fn every_call(side: Side) {
    let mut at = 0;
    while scenario(at, side).await {
        at += 1;
    }
    assert!(at > 20, "only {at} calls: the scenario did not run");
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_before_any_call_position_marks_and_effects_agree() {
    every_call(Side::Before).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_after_any_call_position_marks_and_effects_agree() {
    every_call(Side::After).await;
}
