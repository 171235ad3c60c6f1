//! What handlers may do wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use matrix_bridge_core::{
    Account, Context, Effects, Event, HandlerError, NewParkedEvent, ParkCode, StateStore,
};
use matrix_bridge_testkit::homeserver::Fault;
use serde_json::json;
use tokio::time::Instant;

use crate::world::{Setup, World, pass};

async fn parked(world: &World) -> Vec<NewParkedEvent> {
    let account = Account::new(&world.bot.user_id);
    let parked = world.store.parked_events(&account, None, 100).await;
    parked
        .unwrap()
        .into_iter()
        .map(|parked| parked.event)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error_parks_the_event_and_may_tell_the_asker() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    let question = world.alice_says(&room, "!fail");
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 2).await, ["failed", "pong"]);
    let parked = parked(&world).await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].event_id.as_ref().unwrap().as_str(), question);
    assert_eq!(parked[0].reason.code, ParkCode::Handler);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_harms_its_event_only() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!panic");
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    let parked = parked(&world).await;
    assert_eq!(parked[0].reason.code, ParkCode::Panic);
    assert_eq!(parked[0].reason.detail, "the handler's own");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_given_up() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!never");
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    assert_eq!(
        parked(&world).await[0].reason.code,
        ParkCode::HandlerTimeout
    );
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_back_its_room_until_it_is_done() {
    let world = World::new();
    let [room, other] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    let asked = Instant::now();

    world.alice_says(&room, "!retry 3");
    world.alice_says(&room, "!ping");
    world.alice_says(&other, "!ping");

    world.until_said(&other, 1).await;
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(world.until_said(&room, 2).await, ["tried 3 times", "pong"]);
    assert!(asked.elapsed() >= Duration::from_secs(60));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_always_asks_for_a_retry_is_given_up() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!retry never");
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    assert!(parked(&world).await[0].reason.detail.contains("10 tries"));
    bot.stop().await;
}

/// Counts the messages of each room.
async fn count(event: Event, context: Context) -> Result<Effects, HandlerError> {
    if event.text().is_none() {
        return Ok(Effects::none());
    }
    let before = context.value("counter", event.room().as_str()).await?;
    let before = before.and_then(|value| String::from_utf8(value.to_vec()).ok());
    let now = before.and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
    let effects = Effects::none().reply(event.reply(now.to_string()));
    Ok(effects.set_value("counter", event.room().as_str(), now.to_string()))
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_again_is_not_handled_again() {
    let world = World::new();
    let room = world.room();
    let handler = Arc::new(count);
    let bot = world
        .start(Setup {
            handler,
            ..Setup::default()
        })
        .await;
    world.server.fault(Fault::repeated_batch());

    world.alice_says(&room, "first");
    world.until_said(&room, 1).await;
    world.alice_says(&room, "second");

    assert_eq!(world.until_said(&room, 2).await, ["1", "2"]);
    assert_eq!(world.server.faults_left(), 0);
    bot.stop().await;
}

/// A sender may set its clock as it likes: what we remember does not go by it.
#[tokio::test(start_paused = true)]
async fn an_event_from_1970_that_comes_again_is_not_handled_again() {
    let world = World::new();
    let room = world.room();
    let calls = Arc::new(AtomicUsize::new(0));
    let handler = {
        let calls = calls.clone();
        move |_: Event, _: Context| {
            calls.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, HandlerError>(Effects::none()) }
        }
    };
    let settings = matrix_bridge_core::Settings {
        marks_ttl: Duration::from_secs(1_200),
        ..Default::default()
    };
    let bot = world
        .start(Setup {
            handler: Arc::new(handler),
            settings,
            ..Setup::default()
        })
        .await;
    let event = |id: &str| {
        json!({
            "event_id": id, "type": "m.room.message", "sender": world.alice.user_id, "origin_server_ts": 1,
            "content": {"msgtype": "m.text", "body": "old"},
        })
    };
    // What comes first after a start goes through the inbox.
    world.alice_says(&room, "hello");
    pass(Duration::from_secs(10)).await;
    for id in ["$first", "$second"] {
        world.server.inject_raw(&room, event(id).to_string());
    }
    pass(Duration::from_secs(180)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);

    // The sync that is under way ends first, or what comes again is the news.
    world.server.fault(Fault::repeated_batch());
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.server.faults_left(), 0);
    world.alice_says(&room, "news");
    pass(Duration::from_secs(60)).await;

    assert_eq!(calls.load(Ordering::SeqCst), 4);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn values_show_what_earlier_events_decided_and_survive_a_stop() {
    let world = World::new();
    let [room, other] = [world.room(), world.room()];
    let setup = || Setup {
        handler: Arc::new(count),
        ..Setup::default()
    };
    let bot = world.start(setup()).await;

    for _ in 0..3 {
        world.alice_says(&room, "again");
    }
    world.alice_says(&other, "once");
    assert_eq!(world.until_said(&room, 3).await, ["1", "2", "3"]);
    assert_eq!(world.until_said(&other, 1).await, ["1"]);
    bot.stop().await;
    let bot = world.start(setup()).await;
    world.alice_says(&room, "again");

    assert_eq!(world.until_said(&room, 4).await[3], "4");
    pass(Duration::from_secs(60)).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_senders_clock_counts_only_between_our_last_commit_and_now() {
    async fn age(event: Event, context: Context) -> Result<Effects, HandlerError> {
        let Some(_) = event.text() else {
            return Ok(Effects::none());
        };
        let age = context.age().as_secs();
        Ok(event
            .reply(format!("{age} {}", context.is_catch_up()))
            .into())
    }
    let world = World::new();
    let room = world.room();
    let setup = || Setup {
        handler: Arc::new(age),
        ..Setup::default()
    };
    let bot = world.start(setup()).await;
    world.alice_says(&room, "fresh");
    world.until_said(&room, 1).await;
    bot.stop().await;

    world.alice_says(&room, "waited for");
    for ts in ["0", "-1", "9007199254740991", "\"soon\""] {
        let event = format!(
            r#"{{"event_id":"$ts{}","sender":"@alice:testkit.local","type":"m.room.message",
                "origin_server_ts":{ts},"content":{{"msgtype":"m.text","body":"when?"}}}}"#,
            ts.len()
        );
        world.server.inject_raw(&room, event);
    }
    pass(Duration::from_secs(100)).await;
    let bot = world.start(setup()).await;

    let said = world.until_said(&room, 6).await;
    assert_eq!(said[0], "0 false");
    assert_eq!(said[1], "100 true");
    // Clamped: not since 1970, not in the future.
    assert_eq!(said[2..], ["100 true", "0 true", "0 true", "0 true"]);
    bot.stop().await;
}
