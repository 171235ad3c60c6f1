//! Nothing lost, nothing doubled, in order.

use std::time::Duration;

use http::StatusCode;
use matrix_bridge_core::{ListState, ParkCode};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RateLimit, RateLimitForm};

use crate::world::{Setup, World, pass};

#[tokio::test(start_paused = true)]
async fn own_messages_and_notices_are_not_answered() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!echo !ping");
    let notice = serde_json::json!({"msgtype": "m.notice", "body": "!ping"});
    world
        .server
        .send(&room, &world.alice.user_id, "m.room.message", notice);
    world.alice_says(&room, "!echo last");

    assert_eq!(world.until_said(&room, 2).await, ["!ping", "last"]);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room).len(), 2);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_answers_everything_does_not_answer_itself() {
    let world = World::new();
    let room = world.room();
    let handler = |event: matrix_bridge_core::Event, _| async move {
        // Bounded, so that a bot that does answer itself ends in a failure, not in a loop.
        let text = event.text().filter(|text| text.len() < 10);
        let reply =
            text.map(|text| event.reply_with(matrix_bridge_core::Message::text(text + "!")));
        Ok::<_, matrix_bridge_core::HandlerError>(reply)
    };
    let setup = Setup {
        handler: std::sync::Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;

    world.alice_says(&room, "hello");
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), ["hello!"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_again_is_not_answered_again() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.server.fault(Fault::repeated_batch());

    world.alice_says(&room, "!echo once");
    world.until_said(&room, 1).await;
    world.alice_says(&room, "!echo after");
    world.until_said(&room, 2).await;
    pass(Duration::from_secs(120)).await;

    assert_eq!(world.server.faults_left(), 0);
    assert_eq!(world.said(&room), ["once", "after"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_during_a_stop_is_answered_once() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!echo before");
    world.until_said(&room, 1).await;
    bot.stop().await;

    for number in 0..50 {
        world.alice_says(&room, &format!("!echo {number}"));
    }
    let bot = world.start(Setup::default()).await;

    let said = world.until_said(&room, 51).await;
    let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(said[1..], expected);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room).len(), 51);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_form_of_refusal_is_waited_out_and_sends_once() {
    let ok = StatusCode::OK;
    let status = |code| StatusCode::from_u16(code).unwrap();
    let seconds = Duration::from_secs;
    let faults = [
        Fault::refused(),
        Fault::cut_before_acting(),
        Fault::cut_after_acting(),
        Fault::silent_before_acting(),
        Fault::silent_after_acting(),
        Fault::late_reply(seconds(90)),
        Fault::error(status(500), "M_UNKNOWN"),
        Fault::error(status(503), "M_UNKNOWN"),
        Fault::page(status(502)),
        Fault::page(status(520)),
        Fault::page(status(404)),
        Fault::page(ok),
        Fault::torn_body(),
        Fault::half_body(),
        Fault::rate_limited(RateLimitForm::BodyOnly(seconds(3))),
        Fault::rate_limited(RateLimitForm::HeaderSeconds(3)),
        Fault::rate_limited(RateLimitForm::HeaderDate(seconds(3))),
        Fault::rate_limited(RateLimitForm::Both {
            body: seconds(1),
            header_seconds: 3,
        }),
        Fault::rate_limited(RateLimitForm::NotJson(3)),
        Fault::rate_limited(RateLimitForm::NoTime),
    ];
    for fault in faults {
        let name = format!("{fault:?}");
        let world = World::new();
        let room = world.room();
        let bot = world.start(Setup::default()).await;
        world
            .server
            .fault(fault.on(Endpoint::Send).by(&world.bot.user_id).times(2));

        for body in ["!echo a", "!echo b", "!echo c"] {
            world.alice_says(&room, body);
        }

        assert_eq!(world.until_said(&room, 3).await, ["a", "b", "c"], "{name}");
        pass(seconds(600)).await;
        assert_eq!(world.server.faults_left(), 0, "{name}");
        assert_eq!(world.said(&room), ["a", "b", "c"], "{name}");
        assert!(bot.reasons().is_empty(), "{name}: {:?}", bot.reasons());
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_time_that_the_homeserver_named() {
    let world = World::new();
    let [room, other] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    let form = RateLimitForm::BodyOnly(Duration::from_secs(40));
    world
        .server
        .fault(Fault::rate_limited(form).on(Endpoint::Send));

    world.alice_says(&room, "!echo one");
    world.alice_says(&other, "!echo two");
    world.until_said(&room, 1).await;
    world.until_said(&other, 1).await;

    let sends = world.asked(Endpoint::Send);
    let refused = sends.iter().find(|send| send.status == Some(429)).unwrap();
    let too_early = sends.iter().filter(|send| {
        send.at > refused.at + Duration::from_millis(100)
            && send.at < refused.at + Duration::from_secs(40)
    });
    assert_eq!(too_early.count(), 0, "{sends:?}");
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_over_a_default_limit_arrives_in_order_and_once() {
    let world = World::new();
    let rooms = [world.room(), world.room(), world.room()];
    world.server.exempt_from_limits(&world.alice.user_id);
    let bot = world.start(Setup::default()).await;
    world
        .server
        .set_rate_limit(Some(RateLimit::synapse_default()));

    for number in 0..10 {
        for room in &rooms {
            world.alice_says(room, &format!("!echo {number}"));
        }
    }

    let expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    for room in &rooms {
        assert_eq!(world.until_said(room, 10).await, expected);
    }
    pass(Duration::from_secs(600)).await;
    assert!(rooms.iter().all(|room| world.said(room).len() == 10));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_the_homeserver_cannot_take_is_parked_while_others_pass() {
    let world = World::new();
    let [poisoned, healthy] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    let failing = Fault::error(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN");
    world
        .server
        .fault(failing.on(Endpoint::Send).in_room(&poisoned).times(8));

    world.alice_says(&poisoned, "!echo poison");
    for number in 0..20 {
        world.alice_says(&healthy, &format!("!echo {number}"));
        pass(Duration::from_secs(20)).await;
    }
    world.alice_says(&poisoned, "!echo afterwards");

    assert_eq!(world.until_said(&poisoned, 1).await, ["afterwards"]);
    assert_eq!(world.said(&healthy).len(), 20);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::ServerError);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn content_that_is_too_large_is_parked_with_its_size_and_never_tried() {
    let world = World::new();
    let room = world.room();
    let handler = |event: matrix_bridge_core::Event, _| async move {
        let size = event.text().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok::<_, matrix_bridge_core::HandlerError>(event.reply("x".repeat(size)))
    };
    let setup = Setup {
        handler: std::sync::Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;

    world.alice_says(&room, "70000");
    world.alice_says(&room, "63000");

    assert_eq!(world.until_said(&room, 1).await[0].len(), 63_000);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::TooLarge);
    assert!(reason.detail.contains("70"), "{reason}");
    assert_eq!(world.asked(Endpoint::Send).len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_keeps_its_transaction_id_over_a_stop_and_a_lost_answer() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world
        .server
        .fault(Fault::silent_after_acting().on(Endpoint::Send));

    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    bot.kill().await;
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(3_600)).await;

    assert_eq!(world.said(&room), ["pong"]);
    let sent = world.rows(ListState::Sent).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(
        world.server.events_under(sent[0].transaction_id.as_str()),
        1
    );
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_a_redaction_of_one_event_are_both_done() {
    let world = World::new();
    let room = world.room();
    let handler = |event: matrix_bridge_core::Event, _| async move {
        let (room, id) = (event.room().to_owned(), event.id().to_owned());
        let effects = matrix_bridge_core::Effects::none().reply(event.reply("removed"));
        Ok::<_, matrix_bridge_core::HandlerError>(effects.redact(room, id, None))
    };
    world.server.set_state(
        &room,
        &world.alice.user_id,
        "m.room.power_levels",
        "",
        serde_json::json!({"users": {&world.alice.user_id: 100, &world.bot.user_id: 50}}),
    );
    let setup = Setup {
        handler: std::sync::Arc::new(handler),
        ..Setup::default()
    };
    let bot = world.start(setup).await;

    let spam = world.alice_says(&room, "spam");
    assert_eq!(world.until_said(&room, 1).await, ["removed"]);
    pass(Duration::from_secs(10)).await;

    let events = world.server.timeline(&room);
    let spam = events.iter().find(|event| event.event_id == spam);
    assert!(spam.is_some_and(|event| event.is_redacted), "{events:?}");
    assert_eq!(world.rows(ListState::Sent).await.len(), 2);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_and_a_limit_count_no_attempt() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    let hour = Duration::from_secs(3_600);
    let on_send = |fault: Fault| fault.on(Endpoint::Send).by(&world.bot.user_id);
    let limit = Fault::rate_limited(RateLimitForm::BodyOnly(Duration::from_secs(60)));
    world.server.fault(on_send(limit).times(20));
    world.server.fault(on_send(Fault::refused()).times(50));

    world.alice_says(&room, "!ping");
    pass(hour).await;

    let sent = world.rows(ListState::Sent).await;
    assert_eq!(world.server.faults_left(), 0);
    assert_eq!((sent.len(), sent[0].attempts), (1, 0));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_homeserver_that_comes_back_is_noticed_within_its_cap() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 1");
    world.server.go_down();
    pass(Duration::from_secs(3_600)).await;
    assert!(
        bot.reasons().contains(&"sync".to_owned()),
        "{:?}",
        bot.health()
    );

    world.server.come_up();
    pass(Duration::from_secs(16)).await;

    assert_eq!(world.said(&room), ["slept 1 s"]);
    assert!(bot.reasons().is_empty(), "{:?}", bot.health());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_up_a_request_that_hangs_and_frees_its_row() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world
        .server
        .fault(Fault::silent_after_acting().on(Endpoint::Send));
    world.alice_says(&room, "!echo a");
    world.alice_says(&room, "!echo b");
    world.until_said(&room, 1).await;

    let asked = tokio::time::Instant::now();
    bot.stop().await;
    assert!(
        asked.elapsed() <= Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(world.said(&room), ["a", "b"]);
    bot.stop().await;
}
