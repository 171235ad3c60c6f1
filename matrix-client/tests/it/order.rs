//! What becomes of a room when something cannot be sent there.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_core::{
    Account, Command, Context, Event, HandlerError, ListState, MemoryStore, OrderPolicy, Parked,
    RawJson, Router, Row, Store,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};
use serde_json::json;

use crate::world::{Running, Setup, World, commands, pass};

/// `!echo`, which blocks its room when it cannot be sent.
fn strict() -> Router {
    Router::new().order(OrderPolicy::Block).command(
        "!echo",
        |command: Command, _: Context| async move {
            Ok::<_, HandlerError>(command.reply(command.arguments()))
        },
    )
}

fn parked(store: &Arc<MemoryStore>) -> Parked {
    Parked::new(store.clone() as Arc<dyn Store>)
}

/// Lets the second of four answers in `room` be refused, and another room go on.
async fn refused(world: &World, handler: Router, room: &str) -> (Running, Row) {
    let other = world.room();
    let setup = Setup {
        handler: Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    let bad = Fault::error(StatusCode::BAD_REQUEST, "M_BAD_JSON");
    world
        .server
        .fault(bad.on(Endpoint::Send).in_room(room).skip(1));
    for number in 0..4 {
        world.alice_says(room, &format!("!echo {number}"));
        world.alice_says(&other, &format!("!echo {number}"));
    }
    assert_eq!(world.until_said(&other, 4).await, ["0", "1", "2", "3"]);
    pass(Duration::from_secs(60)).await;
    let [row] = world.rows(ListState::Parked).await.try_into().unwrap();
    (bot, row)
}

#[tokio::test(start_paused = true)]
async fn by_default_a_room_goes_on_without_what_cannot_be_sent() {
    let world = World::new();
    let room = world.room();
    let (bot, _) = refused(&world, commands(), &room).await;

    assert_eq!(world.said(&room), ["0", "2", "3"]);
    assert!(bot.reasons().is_empty(), "{:?}", bot.health());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_strict_room_waits_until_a_person_drops_the_row() {
    let world = World::new();
    let room = world.room();
    let (bot, row) = refused(&world, strict(), &room).await;
    assert_eq!(world.said(&room), ["0"]);
    let health = bot.health();
    assert_eq!(health.reasons[0].code, format!("blocked_room:{room}"));
    assert!(health.reasons[0].message.contains("drop it"));
    bot.stop().await;
    let setup = Setup {
        handler: Arc::new(strict()),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    bot.until_reason("blocked_room", true).await;
    assert_eq!(world.said(&room), ["0"], "also after a restart");

    assert!(parked(&world.store).discard(row.id).await.unwrap());

    assert_eq!(world.until_said(&room, 3).await, ["0", "2", "3"]);
    bot.until_reason("blocked_room", false).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_the_place_of_a_row_is_sent_at_its_place() {
    let world = World::new();
    let room = world.room();
    let (bot, row) = refused(&world, strict(), &room).await;
    let content = RawJson::from_value(&json!({"msgtype": "m.text", "body": "one"})).unwrap();
    let action = row.body.action.with_content(content).unwrap();

    let parked = parked(&world.store);
    let key = parked.replace(row.id, action, world.now()).await.unwrap();

    assert_eq!(key, row.key.successor());
    assert_eq!(world.until_said(&room, 4).await, ["0", "one", "2", "3"]);
    bot.until_reason("blocked_room", false).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_retried_comes_before_those_that_waited_for_it() {
    let world = World::new();
    let room = world.room();
    let (bot, row) = refused(&world, strict(), &room).await;

    let parked = parked(&world.store);
    let counts = parked.counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].rows), (1, 1));
    assert_eq!(parked.row(row.id).await.unwrap().as_ref(), Some(&row));
    assert!(parked.retry(row.id, world.now()).await.unwrap());

    assert_eq!(world.until_said(&room, 4).await, ["0", "1", "2", "3"]);
    assert!(!parked.retry(row.id, world.now()).await.unwrap());
    assert_eq!(parked.counts().await.unwrap(), []);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_event_is_handled_once_more_or_dropped() {
    let world = World::new();
    let room = world.room();
    let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let handler = move |event: Event, _: Context| {
        let tries = tries.clone();
        async move {
            match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 | 1 => Err(HandlerError::park("not today")),
                _ => Ok(event.reply("done")),
            }
        }
    };
    let setup = Setup {
        handler: Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;
    world.alice_says(&room, "first");
    world.alice_says(&room, "second");
    pass(Duration::from_secs(5)).await;
    let account = Account::new(&world.bot.user_id);
    let parked = parked(&world.store);
    let events = parked.events(&account, None, 10).await.unwrap();
    assert_eq!(events.len(), 2);
    let (first, second) = (events[1].id, events[0].id);

    let now = world.now();
    assert!(parked.discard_event(&account, second, now).await.unwrap());
    assert!(parked.retry_event(&account, first, now).await.unwrap());
    assert!(!parked.retry_event(&account, first, now).await.unwrap());

    assert_eq!(world.until_said(&room, 1).await, ["done"]);
    assert_eq!(parked.events(&account, None, 10).await.unwrap(), []);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room), ["done"]);
    bot.stop().await;
}
