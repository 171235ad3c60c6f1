//! The homeserver did it and the answer never came, longer ago than it remembers.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_core::{
    Action, Batch, CommitOutcome, Disposition, History, ListState, MARKER, MemoryStore, NewRow,
    ParkCode, Parked, Policy, ReplaceError, Row, RowKey, StateStore as _, Store, Target,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RequestRecord};
use serde_json::json;

use crate::world::{Running, Setup, World, pass};

const HOUR: Duration = Duration::from_secs(3_600);

/// A bot whose one answer met `fault`, and that was killed then.
async fn interrupted(world: &World, room: &str, fault: Fault) -> Row {
    let bot = world.start(Setup::default()).await;
    world.server.fault(fault.on(Endpoint::Send));
    world.alice_says(room, "!ping");
    pass(Duration::from_millis(300)).await;
    let [row] = world.rows(ListState::Waiting).await.try_into().unwrap();
    bot.kill().await;
    row
}

async fn again(world: &World) -> Running {
    let bot = world.start(Setup::default()).await;
    // The former claim runs out first.
    pass(HOUR).await;
    bot
}

fn looks(world: &World) -> Vec<RequestRecord> {
    world.asked(Endpoint::Messages)
}

#[tokio::test(start_paused = true)]
async fn within_the_memory_the_same_id_is_enough() {
    let world = World::new();
    let room = world.room();
    interrupted(&world, &room, Fault::silent_after_acting()).await;
    pass(20 * HOUR).await;

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    assert_eq!(world.asked(Endpoint::Send).len(), 1);
    assert!(looks(&world).is_empty());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_memory_what_was_sent_is_found_and_not_sent_again() {
    let world = World::new();
    let room = world.room();
    interrupted(&world, &room, Fault::silent_after_acting()).await;
    pass(30 * HOUR).await;

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    assert!(world.asked(Endpoint::Send).is_empty());
    assert_eq!(looks(&world).len(), 1);
    assert_eq!(world.rows(ListState::Sent).await.len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_memory_what_was_not_sent_is_sent_once() {
    let world = World::new();
    let room = world.room();
    interrupted(&world, &room, Fault::silent_before_acting()).await;
    pass(30 * HOUR).await;

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    assert_eq!(looks(&world).len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn on_another_device_our_marker_tells_what_was_sent() {
    let mut world = World::new();
    let room = world.room();
    interrupted(&world, &room, Fault::silent_after_acting()).await;
    world.bot = world.server.log_in(&world.bot.user_id, "ANOTHER");

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    assert!(world.asked(Endpoint::Send).is_empty());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_marker_in_the_event_of_somebody_else_is_not_believed() {
    let world = World::new();
    let room = world.room();
    let row = interrupted(&world, &room, Fault::silent_before_acting()).await;
    let copy = json!({"msgtype": "m.text", "body": "copy", MARKER: row.transaction_id});
    world
        .server
        .send(&room, &world.alice.user_id, "m.room.message", copy);
    pass(30 * HOUR).await;

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_history_cannot_tell_is_for_a_person() {
    let world = World::new();
    let room = world.room();
    let row = interrupted(&world, &room, Fault::silent_before_acting()).await;
    pass(30 * HOUR).await;
    let hidden = Fault::error(StatusCode::FORBIDDEN, "M_FORBIDDEN");
    world.server.fault(hidden.on(Endpoint::Messages).forever());

    let bot = again(&world).await;

    assert_eq!(world.said(&room), Vec::<String>::new());
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::UnknownOutcome);
    let parked = Parked::new(world.store.clone() as Arc<dyn Store>);
    let refused = parked.replace(row.id, Action::Leave, world.now()).await;
    assert!(
        matches!(refused, Err(ReplaceError::MayBeSent(_))),
        "{refused:?}"
    );

    // The person has looked.
    assert!(parked.retry(row.id, world.now()).await.unwrap());
    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_look_goes_back_as_far_as_the_question_and_no_further() {
    let world = World::new();
    let room = world.room();
    for number in 0..300 {
        world.alice_says(&room, &format!("before {number}"));
    }
    interrupted(&world, &room, Fault::silent_before_acting()).await;
    for number in 0..150 {
        world.alice_says(&room, &format!("after {number}"));
    }
    pass(30 * HOUR).await;

    let bot = again(&world).await;

    assert_eq!(world.said(&room), ["pong"]);
    // Two pages; one more fills the gap that the sync left. The whole room has five.
    assert_eq!(looks(&world).len(), 3);
    bot.stop().await;
}

/// The first start reads a little history.
fn with_history() -> Setup {
    let policy = Policy {
        history: History::Last(50),
        ..Policy::default()
    };
    Setup {
        policy,
        ..Setup::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_does_not_answer_last_weeks_questions_again() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    for number in 0..20 {
        world.alice_says(&room, &format!("!echo {number}"));
    }
    world.until_said(&room, 20).await;
    bot.stop().await;
    pass(7 * 24 * HOUR).await;

    let setup = Setup {
        store: Some(Arc::new(MemoryStore::new())),
        ..with_history()
    };
    let bot = world.start(setup).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 21).await;
    pass(HOUR).await;

    assert_eq!(world.said(&room).len(), 21);
    // The questions of one room are answered by one look.
    assert!(looks(&world).len() <= 2, "{:?}", looks(&world));
    bot.stop().await;
}

/// Enqueues what `action` is under a transaction id that is used already.
async fn enqueue(world: &World, like: &Row, key: &str, action: Action) {
    let mut body = like.body.clone();
    body.action = action;
    let row = NewRow {
        key: RowKey::new(key),
        lane: like.lane.clone(),
        sender: like.sender.clone(),
        class: like.class,
        transaction_id: like.transaction_id.clone(),
        body,
        disposition: Disposition::Send,
        created: world.now(),
    };
    let account = matrix_bridge_core::Account::from(&*like.sender.user);
    let mut batch = Batch::new(account, world.now());
    batch.rows = vec![row];
    let outcome = world.store.commit(batch).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_redaction_under_a_used_id_is_not_counted_as_done() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    pass(Duration::from_secs(10)).await;
    let [sent] = world.rows(ListState::Sent).await.try_into().unwrap();
    let answer = world.answers(&room)[0].event_id.clone();
    let target = Target::Event(answer.try_into().unwrap());
    let reason = None;

    enqueue(
        &world,
        &sent,
        "redaction",
        Action::Redact { target, reason },
    )
    .await;
    bot.until_reason("transaction_used", true).await;

    assert_eq!(world.said(&room), ["pong"]);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::TransactionUsed);
    let [row] = world.rows(ListState::Parked).await.try_into().unwrap();
    let parked = Parked::new(world.store.clone() as Arc<dyn Store>);
    assert!(parked.retry(row.id, world.now()).await.unwrap());
    bot.until_reason("transaction_used", false).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.said(&room), [""], "redacted");
    bot.stop().await;
}
