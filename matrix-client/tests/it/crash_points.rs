//! A crash at every call of the store, before or after it took effect, and a failure
//! after which it goes on: each question is answered once all the same.

use std::{sync::Arc, time::Duration};

use matrix_bridge_core::{ListState, Settings};
use matrix_bridge_testkit::{
    crash::{CrashingStore, Side},
    homeserver::{Endpoint, Fault},
};

use crate::world::{Setup, World, pass};

/// How a store fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// For good: the bot is started again.
    Crash,
    /// Once: the bot has to go on by itself.
    Hiccup,
}

/// A question in each of two rooms, one of them slow enough to go to the inbox, a lost
/// answer to a send, and questions during the failure. Returns whether it failed.
async fn scenario(failure: Failure, at: u64, side: Side) -> bool {
    let world = World::with_seed(at);
    let [quick, slow] = [world.room(), world.room()];
    let settings = || Settings {
        grace: Duration::from_millis(500),
        claim_ttl: Duration::from_secs(60),
        ..Settings::default()
    };
    // The first sync is another story: it decides what is history.
    world
        .start(Setup {
            settings: settings(),
            ..Setup::default()
        })
        .await
        .stop()
        .await;
    let crashing = Arc::new(match failure {
        Failure::Crash => CrashingStore::new(world.store.clone(), at, side),
        Failure::Hiccup => CrashingStore::hiccup(world.store.clone(), at, side),
    });
    world.server.fault(
        Fault::cut_after_acting()
            .on(Endpoint::Send)
            .by(&world.bot.user_id)
            .skip(1),
    );

    world.alice_says(&quick, "!echo 1");
    world.alice_says(&slow, "!slow 3");
    world.alice_says(&slow, "!echo 2");
    let store = Some(crashing.clone() as Arc<_>);
    let mut bot = world
        .begin(Setup {
            store,
            settings: settings(),
            ..Setup::default()
        })
        .await;
    pass(Duration::from_secs(2)).await;
    world.alice_says(&quick, "!fail");
    world.alice_says(&quick, "!echo 3");
    world.alice_says(&slow, "!echo 4");
    // Enough calls for every one that the scenario makes, housekeeping included.
    pass(Duration::from_secs(10)).await;
    let has_failed = crashing.crashed();

    if let Failure::Crash = failure {
        bot.kill().await;
        let settings = settings();
        bot = world
            .start(Setup {
                settings,
                ..Setup::default()
            })
            .await;
    }
    pass(Duration::from_secs(4 * 60)).await;
    let context = format!("{failure:?} {side:?} call {at}");
    assert_eq!(world.said(&quick), ["1", "failed", "3"], "{context}");
    assert_eq!(world.said(&slow), ["slept 3 s", "2", "4"], "{context}");
    assert!(world.rows(ListState::Waiting).await.is_empty(), "{context}");
    assert!(world.rows(ListState::Parked).await.is_empty(), "{context}");
    bot.stop().await;
    has_failed
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_call_loses_and_doubles_nothing() {
    every_call(Failure::Crash, Side::Before).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_call_loses_and_doubles_nothing() {
    every_call(Failure::Crash, Side::After).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_once_before_any_call_costs_nothing_but_time() {
    every_call(Failure::Hiccup, Side::Before).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_once_after_any_call_costs_nothing_but_time() {
    every_call(Failure::Hiccup, Side::After).await;
}

async fn every_call(failure: Failure, side: Side) {
    let mut at = 0;
    while scenario(failure, at, side).await {
        at += 1;
    }
    assert!(at > 40, "only {at} calls: the scenario did not run");
}
