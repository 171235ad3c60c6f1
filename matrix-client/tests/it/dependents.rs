//! Edits, reactions and redactions of what is itself still to be sent.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_core::{
    Command, Context, Effects, HandlerError, ListState, Message, ParkCode, Parked, RawJson, Router,
    Row, RowState, Store,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, TimelineEvent};
use serde_json::json;

use crate::world::{Running, Setup, World, pass};

/// Says something and edits it, reacts to it, and redacts a second message, all at once.
async fn act(command: Command, context: Context) -> Result<Effects, HandlerError> {
    let (room, event) = (command.event().room().to_owned(), command.event().id());
    let [message, other] = [0, 1].map(|index| context.row_key(event, index));
    Ok(Effects::none()
        .reply(command.reply("first"))
        .reply(command.reply("second"))
        .edit(room.clone(), message.clone(), Message::notice("edited"))
        .react(room.clone(), message, "+")
        .redact(room, other, None))
}

async fn begin(world: &World) -> Running {
    let setup = Setup {
        handler: Arc::new(Router::new().command("!act", act)),
        ..Setup::default()
    };
    world.start(setup).await
}

fn ours(world: &World, room: &str) -> Vec<TimelineEvent> {
    let mut events = world.server.timeline(room);
    events.retain(|event| event.sender == world.bot.user_id && event.state_key.is_none());
    events
}

/// The first message, what edits it and what reacts to it; the second is redacted.
fn assert_all_done(world: &World, room: &str, first: &str) {
    let events = ours(world, room);
    let of = |kind: &str| -> Vec<&TimelineEvent> {
        events.iter().filter(|event| event.kind == kind).collect()
    };
    let messages = of("m.room.message");
    let said = messages.iter().find(|m| m.body() == first).unwrap();
    let edit = messages.iter().find(|m| m.body() == "* edited").unwrap();
    let relation = json!({"rel_type": "m.replace", "event_id": said.event_id});
    assert_eq!(edit.content["m.relates_to"], relation);
    let relation = json!({"rel_type": "m.annotation", "event_id": said.event_id, "key": "+"});
    assert_eq!(of("m.reaction")[0].content["m.relates_to"], relation);
    assert_eq!(of("m.room.redaction").len(), 1);
    assert!(!messages.iter().any(|message| message.body() == "second"));
    assert_eq!(events.len(), 5, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn what_changes_a_message_waits_for_its_event() {
    let world = World::new();
    let room = world.room();
    let bot = begin(&world).await;

    world.alice_says(&room, "!act");
    pass(Duration::from_secs(60)).await;

    assert_all_done(&world, &room, "first");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_finds_its_event_after_a_crash_in_between() {
    let world = World::new();
    let room = world.room();
    let bot = begin(&world).await;
    let silent = Fault::silent_before_acting().on(Endpoint::Send).skip(2);
    world.server.fault(silent);
    world.alice_says(&room, "!act");
    pass(Duration::from_secs(5)).await;
    bot.kill().await;

    let bot = begin(&world).await;
    pass(Duration::from_secs(1_000)).await;

    assert_all_done(&world, &room, "first");
    bot.stop().await;
}

fn code(row: &Row) -> ParkCode {
    match &row.state {
        RowState::Parked { reason } => reason.code,
        state => panic!("{state:?}"),
    }
}

/// Lets the first message be refused.
async fn parked(world: &World, room: &str) -> (Running, Parked, Vec<Row>) {
    let bot = begin(world).await;
    let bad = Fault::error(StatusCode::BAD_REQUEST, "M_BAD_JSON");
    world.server.fault(bad.on(Endpoint::Send));
    world.alice_says(room, "!act");
    pass(Duration::from_secs(60)).await;
    let rows = world.rows(ListState::Parked).await;
    let codes: Vec<ParkCode> = rows.iter().map(code).collect();
    let dependency = ParkCode::Dependency;
    assert_eq!(codes, [ParkCode::BadContent, dependency, dependency]);
    let parked = Parked::new(world.store.clone() as Arc<dyn Store>);
    (bot, parked, rows)
}

#[tokio::test(start_paused = true)]
async fn what_changes_a_parked_message_is_parked_with_it_and_retried_after_it() {
    let world = World::new();
    let room = world.room();
    let (bot, parked, rows) = parked(&world, &room).await;

    for row in rows {
        assert!(parked.retry(row.id, world.now()).await.unwrap());
        pass(Duration::from_secs(20)).await;
    }

    assert_all_done(&world, &room, "first");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_a_replaced_message_changes_what_took_its_place() {
    let world = World::new();
    let room = world.room();
    let (bot, parked, rows) = parked(&world, &room).await;
    let content = RawJson::from_value(&json!({"msgtype": "m.text", "body": "better"})).unwrap();
    let action = rows[0].body.action.with_content(content).unwrap();

    parked
        .replace(rows[0].id, action, world.now())
        .await
        .unwrap();
    for row in &rows[1..] {
        assert!(parked.retry(row.id, world.now()).await.unwrap());
    }
    pass(Duration::from_secs(60)).await;

    assert_all_done(&world, &room, "better");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_a_dropped_message_stays_parked() {
    let world = World::new();
    let room = world.room();
    let (bot, parked, rows) = parked(&world, &room).await;

    assert!(parked.discard(rows[0].id).await.unwrap());
    assert!(parked.retry(rows[1].id, world.now()).await.unwrap());
    pass(Duration::from_secs(60)).await;

    let codes: Vec<ParkCode> = world
        .rows(ListState::Parked)
        .await
        .iter()
        .map(code)
        .collect();
    assert_eq!(codes, [ParkCode::Dependency; 2]);
    bot.stop().await;
}
