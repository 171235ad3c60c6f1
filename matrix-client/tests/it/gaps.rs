//! A timeline that came with events missing is filled from the room's history.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_core::{Context, Event, HandlerError, ListState, RoomMode, Settings};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RateLimitForm};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    away::numbers,
    policies::listed,
    world::{Setup, World, pass},
};

fn settings(change: impl FnOnce(&mut Settings)) -> Setup {
    let mut settings = Settings::default();
    change(&mut settings);
    Setup {
        settings,
        ..Setup::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_sync_left_out_is_answered_once_and_in_order() {
    let world = World::new();
    let [full, quiet] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    world.alice_says(&full, "!echo first");
    world.until_said(&full, 1).await;
    bot.stop().await;
    world.alice_asks(&full, 0..250);
    world.alice_says(&quiet, "!ping");
    world.server.fault(Fault::limited_timeline(10));

    let bot = world.start(Setup::default()).await;

    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&full)[1..], numbers(0..250));
    assert_eq!(world.said(&quiet), ["pong"]);
    assert_eq!(bot.reasons(), [""; 0]);
    world.inbox_is_empty().await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_running_bot_holds_up_its_own_room_only() {
    let world = World::new();
    let [full, quick] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    world.alice_says(&full, "!echo first");
    world.until_said(&full, 1).await;
    let slow = Fault::late_reply(Duration::from_secs(30));
    world.server.fault(slow.on(Endpoint::Messages).forever());
    world.server.fault(Fault::limited_timeline(1));

    world.alice_asks(&full, 0..250);
    pass(Duration::from_secs(2)).await;
    let asked = Instant::now();
    world.alice_says(&quick, "!ping");
    world.until_said(&quick, 1).await;
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(world.said(&full).len(), 1);
    world.alice_asks(&full, 250..255);

    let said = world.until_said(&full, 256).await;
    assert_eq!(said[1..], numbers(0..255));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_waits_for_a_homeserver_that_is_away_and_loses_nothing() {
    let limited = RateLimitForm::BodyOnly(Duration::from_secs(400));
    let faults = [
        Fault::refused(),
        Fault::cut_after_acting(),
        Fault::torn_body(),
        Fault::half_body(),
        Fault::page(StatusCode::BAD_GATEWAY),
        Fault::page(StatusCode::NOT_FOUND),
        Fault::error(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN"),
        Fault::rate_limited(limited),
    ];
    for fault in faults {
        let name = format!("{fault:?}");
        let world = World::new();
        let room = world.followed_room().await;
        world.alice_asks(&room, 0..120);
        world.server.fault(Fault::limited_timeline(5));
        world
            .server
            .fault(fault.on(Endpoint::Messages).times(3).skip(1));

        let bot = world.start(Setup::default()).await;

        let said = world.until_said(&room, 121).await;
        assert_eq!(said[1..], numbers(0..120), "{name}");
        assert_eq!(world.server.faults_left(), 0, "{name}");
        assert_eq!(bot.reasons(), [""; 0], "{name}");
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_during_a_fill_uses_up_no_time() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..120);
    world.server.fault(Fault::limited_timeline(5));
    let slow = Fault::late_reply(Duration::from_secs(20));
    world.server.fault(slow.on(Endpoint::Messages).forever());
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(10)).await;

    world.server.go_down();
    pass(Duration::from_secs(3_600)).await;
    world.server.clear_faults();
    world.server.come_up();

    assert_eq!(world.until_said(&room, 121).await[1..], numbers(0..120));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_the_newest_are_answered_and_the_hole_is_told_in_its_place() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..500);
    world.server.fault(Fault::limited_timeline(100));

    let bot = world.start(settings(|s| s.gap_events = 200)).await;
    pass(Duration::from_secs(600)).await;

    let said = world.said(&room);
    assert_eq!(said[1], "missed: events");
    assert_eq!(said[2..], numbers(200..500));
    assert_eq!(bot.reasons(), ["missed_events"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_never_given_is_given_up_while_the_homeserver_works() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..50);
    world.server.fault(Fault::limited_timeline(5));
    let broken = Fault::error(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN");
    world.server.fault(broken.on(Endpoint::Messages).forever());

    let asked = Instant::now();
    let bot = world.start(Setup::default()).await;
    let said = world.until_said(&room, 7).await;

    assert_eq!(said[1], "missed: time");
    assert_eq!(said[2..], numbers(45..50));
    assert!(asked.elapsed() > Duration::from_secs(4 * 60));
    assert!(asked.elapsed() < Duration::from_secs(7 * 60));
    assert_eq!(bot.reasons(), ["missed_events"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_refused_is_told_and_the_room_goes_on() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..50);
    world.server.fault(Fault::limited_timeline(5));
    let refused = Fault::error(StatusCode::FORBIDDEN, "M_FORBIDDEN");
    world.server.fault(refused.on(Endpoint::Messages).forever());

    let bot = world.start(Setup::default()).await;

    let said = world.until_said(&room, 7).await;
    assert_eq!(said[1], "missed: refused");
    assert_eq!(said[2..], numbers(45..50));
    assert_eq!(bot.reasons(), ["missed_events"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn edits_redactions_and_answers_of_the_gap_keep_their_order() {
    let world = World::new();
    let room = world.followed_room().await;
    let handler = |event: Event, _: Context| async move {
        let kind = event.kind().to_owned();
        let is_told = event.state_key().is_none();
        Ok::<_, HandlerError>(is_told.then(|| event.reply(kind)))
    };
    let (alice, server) = (&world.alice.user_id, &world.server);
    let said = world.alice_says(&room, "hello");
    server.edit(&room, alice, &said, "hello again");
    server.react(&room, alice, &said, "+");
    server.redact(&room, alice, &said);
    world.alice_says(&room, "last");
    world.server.fault(Fault::limited_timeline(1));

    let bot = world
        .start(Setup {
            handler: Arc::new(handler),
            ..Setup::default()
        })
        .await;

    let expected = [
        "m.room.message",
        "m.room.message",
        "m.reaction",
        "m.room.redaction",
        "m.room.message",
    ];
    assert_eq!(world.until_said(&room, 6).await[1..], expected);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_overlaps_is_not_answered_again() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..30);
    let bot = world.start(Setup::default()).await;
    world.until_said(&room, 31).await;
    world.alice_asks(&room, 30..33);
    world.until_said(&room, 34).await;
    world.server.fault(Fault::limited_timeline(2));
    world.alice_asks(&room, 33..40);
    world.until_said(&room, 41).await;
    // All of that again.
    world.server.fault(Fault::repeated_batch());
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.server.faults_left(), 0);
    world.alice_says(&room, "!ping");
    let said = world.until_said(&room, 42).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(said[1..41], numbers(0..40));
    assert_eq!(world.said(&room).len(), 42);
    bot.stop().await;
}

/// As a Synapse does that answers the first sync after a restart from its cache.
#[tokio::test(start_paused = true)]
async fn what_comes_by_sync_while_a_page_is_read_keeps_its_place() {
    for gap_page in 1..10 {
        let world = World::new();
        let room = world.followed_room().await;
        let bot = world
            .start(settings(|settings| settings.gap_page = gap_page))
            .await;
        pass(Duration::from_secs(1)).await;
        world.server.fault(Fault::limited_timeline(2));
        world.server.fault(Fault::repeated_batch());
        let slow = Fault::late_reply(Duration::from_secs(5));
        world.server.fault(slow.on(Endpoint::Messages));

        world.alice_asks(&room, 0..4);
        // What cannot be handled is done with when it comes, which says nothing of what is
        // older.
        let alice = &world.alice.user_id;
        let secret = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
        world.server.send(&room, alice, "m.room.encrypted", secret);
        world.alice_asks(&room, 4..7);
        pass(Duration::from_secs(600)).await;

        let said = world.said(&room);
        assert_eq!(said[1..], numbers(0..7), "pages of {gap_page}");
        assert_eq!(world.server.faults_left(), 0);
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn encryption_turned_on_in_the_gap_silences_the_room() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..20);
    world.encrypt(&room);
    world.alice_asks(&room, 20..40);
    world.server.fault(Fault::limited_timeline(5));

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), ["first"]);
    assert!(bot.reasons()[0].starts_with("encrypted_room"));
    // What was asked before is heard, though nothing can be answered any more.
    assert_eq!(world.rows(ListState::Parked).await.len(), 20);
    world.inbox_is_empty().await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn in_a_room_that_is_off_no_history_is_read() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..20);
    world.server.fault(Fault::limited_timeline(5));

    let policy = listed(&[(&room, RoomMode::Off)]);
    let bot = world
        .start(Setup {
            policy,
            ..Setup::default()
        })
        .await;
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.asked(Endpoint::Messages), []);
    assert_eq!(world.said(&room), ["first"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_while_we_were_out_of_the_room_stays_out() {
    let world = World::new();
    let room = world.followed_room().await;
    let (alice, bot_id) = (&world.alice.user_id, &world.bot.user_id);
    world.alice_asks(&room, 0..5);
    world.server.kick(&room, alice, bot_id);
    world.alice_asks(&room, 5..10);
    world.server.invite(&room, alice, bot_id);
    world.server.join(&room, bot_id);
    world.alice_asks(&room, 10..20);
    world.server.fault(Fault::limited_timeline(5));

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    let mut expected = numbers(0..5);
    expected.extend(numbers(10..20));
    assert_eq!(world.said(&room)[1..], expected);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn in_a_new_room_the_gap_ends_where_we_came_in() {
    let world = World::new();
    let known = world.followed_room().await;
    let room = world.server.create_room(&world.alice.user_id);
    world.alice_asks(&room, 0..50);
    world
        .server
        .invite(&room, &world.alice.user_id, &world.bot.user_id);
    world.server.join(&room, &world.bot.user_id);
    world.alice_asks(&room, 50..80);
    world.alice_says(&known, "!ping");
    world.server.fault(Fault::limited_timeline(10));

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), numbers(50..80));
    assert_eq!(world.said(&known), ["first", "pong"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_fill_goes_on_where_a_kill_left_it() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..450);
    world.server.fault(Fault::limited_timeline(10));
    let slow = Fault::late_reply(Duration::from_secs(10));
    world.server.fault(slow.on(Endpoint::Messages).forever());
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(25)).await;
    assert_eq!(world.asked(Endpoint::Messages).len(), 3);

    bot.kill().await;
    let bot = world.start(Setup::default()).await;
    let said = world.until_said(&room, 451).await;

    assert_eq!(said[1..], numbers(0..450));
    // Four pages are missing, of which two were read; one more shows what was seen.
    assert!(world.asked(Endpoint::Messages).len() <= 4);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room).len(), 451);
    bot.stop().await;
}
