//! Accounts that cannot be used, and stores that fail.

use std::{sync::Arc, time::Duration};

use matrix_bridge_core::{EngineError, ListState, Status};
use matrix_bridge_testkit::{
    crash::{CrashingStore, Side},
    homeserver::{Endpoint, Fault, RateLimitForm},
};

use crate::{
    away::numbers,
    disk::Disk,
    world::{Setup, World, pass},
};

#[tokio::test(start_paused = true)]
async fn a_locked_account_pauses_loses_nothing_and_goes_on_by_itself() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 2");
    pass(Duration::from_secs(1)).await;
    world.server.lock_user(&world.bot.user_id);
    bot.until_reason("account", true).await;
    world.alice_says(&room, "!ping");
    pass(Duration::from_secs(3_600)).await;

    let health = bot.health();
    assert_eq!(health.status, Status::Failed);
    assert!(
        health
            .reasons
            .iter()
            .any(|reason| reason.message.contains("administrator"))
    );
    assert!(world.rows(ListState::Parked).await.is_empty());
    let before = world.server.requests().len();
    pass(Duration::from_secs(600)).await;
    let asked = world.server.requests().len() - before;
    assert!(asked <= 60, "{asked} requests in ten minutes");

    world.server.restore_user(&world.bot.user_id);
    assert_eq!(world.until_said(&room, 2).await, ["slept 2 s", "pong"]);
    bot.until_reason("", false).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_account_still_reads_and_sends_later() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.server.suspend_user(&world.bot.user_id);
    world.alice_says(&room, "!ping");
    bot.until_reason("send_account", true).await;
    pass(Duration::from_secs(600)).await;
    assert!(world.rows(ListState::Parked).await.is_empty());

    world.server.restore_user(&world.bot.user_id);

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    bot.until_reason("", false).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_says_what_to_do_and_is_not_hammered() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.server.revoke(&world.bot.access_token);
    world.alice_says(&room, "!ping");
    bot.until_reason("account", true).await;

    let before = world.server.requests().len();
    pass(Duration::from_secs(600)).await;
    assert!(world.server.requests().len() - before <= 60);
    let health = bot.health();
    assert_eq!(health.status, Status::Failed);
    assert!(
        health.reasons[0].message.contains("access token"),
        "{health:?}"
    );
    assert!(!format!("{health:?}").contains(&world.bot.access_token));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_store_is_closed_ends_with_the_reason() {
    let world = World::new();
    let store = Arc::new(CrashingStore::new(world.store.clone(), 30, Side::Before));
    let setup = Setup {
        store: Some(store),
        ..Setup::default()
    };
    let bot = world.begin(setup).await;

    let error = bot.ended().await.unwrap_err();

    assert!(matches!(error, EngineError::Store(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_second_engine_on_the_account_stands_by_and_takes_over() {
    let world = World::new();
    let room = world.room();
    let first = world.start(Setup::default()).await;
    let second = world.begin(Setup::default()).await;
    second.until_reason("standby", true).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;

    first.kill().await;
    world.alice_says(&room, "!echo taken over");

    assert_eq!(world.until_said(&room, 2).await, ["pong", "taken over"]);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_homeserver_asked_for_outlives_a_failure_of_the_store() {
    let world = World::new();
    let room = world.room();
    let disk = Disk::default();
    let bot = world.start(disk.setup(&world)).await;
    world.alice_says(&room, "!slow 5");
    pass(Duration::from_secs(1)).await;
    let limit = Fault::rate_limited(RateLimitForm::BodyOnly(Duration::from_secs(300)));
    world.server.fault(limit.on(Endpoint::Sync));
    world.alice_says(&room, "!ping");
    pass(Duration::from_secs(1)).await;
    let before = world.asked(Endpoint::Sync).len();

    // The slow answer cannot be written down, and the pipeline starts anew.
    disk.fail_at("committing a batch");
    pass(Duration::from_secs(10)).await;
    disk.recover();
    pass(Duration::from_secs(280)).await;
    assert_eq!(world.asked(Endpoint::Sync).len(), before);

    world.until_said(&room, 2).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_it_asked_for_before_it_shows_history_does_too_and_holds_for_every_room() {
    let world = World::new();
    let rooms = [world.room(), world.room()];
    let slow = world.room();
    let disk = Disk::default();
    let bot = world.start(disk.setup(&world)).await;
    for room in &rooms {
        world.alice_says(room, "!echo first");
        world.until_said(room, 1).await;
    }
    world.alice_says(&slow, "!slow 5");
    pass(Duration::from_secs(1)).await;
    let limit = Fault::rate_limited(RateLimitForm::BodyOnly(Duration::from_secs(300)));
    world.server.fault(limit.on(Endpoint::Messages));
    for room in &rooms {
        world.server.fault(Fault::limited_timeline(1));
        world.alice_asks(room, 0..5);
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(world.asked(Endpoint::Messages).len(), 1);

    // The slow answer cannot be written down, and the pipeline starts anew.
    disk.fail_at("committing a batch");
    pass(Duration::from_secs(10)).await;
    disk.recover();
    pass(Duration::from_secs(280)).await;
    assert_eq!(world.asked(Endpoint::Messages).len(), 1);

    for room in &rooms {
        let said = world.until_said(room, 6).await;
        assert_eq!(said[1..], numbers(0..5));
    }
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_written_down_as_soon_as_the_store_takes_it() {
    let world = World::new();
    let room = world.room();
    let disk = Disk::default();
    let bot = world.start(disk.setup(&world)).await;
    disk.fail_at("settling rows");
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    pass(Duration::from_secs(10)).await;
    assert_eq!(world.rows(ListState::Sent).await, []);

    disk.recover();
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.rows(ListState::Sent).await.len(), 1);
    assert_eq!(world.asked(Endpoint::Send).len(), 1);
    bot.stop().await;
}
