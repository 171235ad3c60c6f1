//! A slow handler holds up its own room and nothing else.

use std::time::Duration;

use matrix_bridge_core::{Account, StateStore};
use tokio::time::Instant;

use crate::world::{Setup, World, pass};

#[tokio::test(start_paused = true)]
async fn another_room_waits_for_the_grace_at_most() {
    let world = World::new();
    let [slow, quick] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;

    world.alice_says(&slow, "!slow 600");
    world.alice_says(&quick, "!ping");
    let asked = Instant::now();
    world.until_said(&quick, 1).await;
    assert!(
        asked.elapsed() <= Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );

    let asked = Instant::now();
    world.alice_says(&quick, "!ping");
    world.until_said(&quick, 2).await;
    assert!(
        asked.elapsed() <= Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(world.said(&slow), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_room_keeps_its_order() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!slow 5");
    world.alice_says(&room, "!echo second");
    pass(Duration::from_secs(3)).await;
    world.alice_says(&room, "!echo third");
    world.alice_says(&room, "!slow 2");
    pass(Duration::from_secs(4)).await;
    world.alice_says(&room, "!echo last");

    let said = world.until_said(&room, 5).await;
    assert_eq!(said, ["slept 5 s", "second", "third", "slept 2 s", "last"]);
    let waiting = world
        .store
        .inbox_lanes(&Account::new(&world.bot.user_id), None, 10)
        .await;
    assert_eq!(waiting.unwrap(), []);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_inbox_is_handled_after_a_kill_and_before_what_came_later() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 60");
    world.alice_says(&room, "!echo second");
    pass(Duration::from_secs(30)).await;
    bot.kill().await;
    world.alice_says(&room, "!echo third");

    let bot = world.start(Setup::default()).await;

    assert_eq!(
        world.until_said(&room, 3).await,
        ["slept 60 s", "second", "third"]
    );
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room).len(), 3);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn three_hundred_stuck_rooms_do_not_stop_another() {
    let world = World::new();
    let stuck: Vec<String> = (0..300).map(|_| world.room()).collect();
    let quick = world.room();
    let bot = world.start(Setup::default()).await;

    for room in &stuck {
        world.alice_says(room, "!never");
    }
    pass(Duration::from_secs(30)).await;
    let asked = Instant::now();
    world.alice_says(&quick, "!ping");
    world.until_said(&quick, 1).await;

    assert!(
        asked.elapsed() <= Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_stuck_handler() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!never");
    world.alice_says(&room, "!echo after");
    pass(Duration::from_millis(200)).await;

    let asked = Instant::now();
    bot.stop().await;

    assert!(
        asked.elapsed() <= Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    let lanes = world
        .store
        .inbox_lanes(&Account::new(&world.bot.user_id), None, 10)
        .await;
    assert_eq!(lanes.unwrap()[0].entries, 2);
}
