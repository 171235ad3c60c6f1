//! Accounts that come back: how soon, and at what cost meanwhile.

use std::time::Duration;

use matrix_bridge_core::ListState;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};
use tokio::time::Instant;

use crate::world::{Setup, World, pass};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_host_that_knows_better_ends_the_waits_of_source_and_sender() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 2");
    pass(SECOND).await;
    world.server.lock_user(&world.bot.user_id);
    bot.until_reason("account", true).await;
    bot.until_reason("send_account", true).await;
    world.alice_says(&room, "!ping");
    world.server.restore_user(&world.bot.user_id);

    bot.handle.resume();

    let begun = Instant::now();
    assert_eq!(world.until_said(&room, 2).await, ["slept 2 s", "pong"]);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(bot.reasons(), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_source_finds_out_counts_for_the_sender() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 20");
    pass(SECOND).await;
    world.server.lock_user(&world.bot.user_id);
    bot.until_reason("send_account", true).await;
    pass(SECOND).await;

    world.server.restore_user(&world.bot.user_id);

    bot.until_reason("account", false).await;
    let begun = Instant::now();
    assert_eq!(world.until_said(&room, 1).await, ["slept 20 s"]);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_troubled_account_with_many_rooms_waiting_makes_one_try_at_a_time() {
    let world = World::new();
    let rooms: Vec<_> = (0..20).map(|_| world.room()).collect();
    let bot = world.start(Setup::default()).await;
    world.server.suspend_user(&world.bot.user_id);
    for room in &rooms {
        world.alice_says(room, "!ping");
    }
    bot.until_reason("send_account", true).await;
    pass(SECOND).await;
    // Long enough for other tries to begin before the answer.
    let slow = Fault::late_reply(Duration::from_millis(100));
    world.server.fault(slow.on(Endpoint::Send).forever());

    let before = world.server.writes().len();
    pass(Duration::from_secs(600)).await;
    let tries = world.server.writes().len() - before;
    assert!((10..=21).contains(&tries), "{tries} tries in ten minutes");
    let waiting = world.rows(ListState::Waiting).await;
    assert_eq!(waiting.len(), rooms.len());
    assert!(waiting.iter().all(|row| row.attempts == 0), "{waiting:?}");

    world.server.restore_user(&world.bot.user_id);
    for room in &rooms {
        assert_eq!(world.until_said(room, 1).await, ["pong"]);
    }
    bot.until_reason("", false).await;
    bot.stop().await;
}
