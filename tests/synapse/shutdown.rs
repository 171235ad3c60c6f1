//! Stopping within five seconds, whatever is under way.

use std::time::Duration;

use matrix_bridge_testkit::synapse::Synapse;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::load::ask;
use crate::said::texts;
use crate::until::until;
use crate::world::{World, joined, room};

const LONGEST: Duration = Duration::from_secs(5);

/// A server that takes requests and does nothing about them until it is let go on.
fn freeze(synapse: &Synapse, signal: Signal) {
    let id = synapse.process_id().unwrap();
    kill_process(Pid::from_raw(id.cast_signed()).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_stop_with_requests_under_way_takes_less_than_five_seconds_and_loses_nothing() {
    let mut world = World::own("shutdown", |config| config).await;
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).room(&room, "active");
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;
    ask(&ann, &room, &bot.user_id, "before").await;

    // The handler is at work when the server freezes; its answer is under way when the bot is stopped.
    ann.say(&room, "!slow 3").await.unwrap();
    router.until_metric("matrix_inbox_depth", 1.0).await;
    freeze(world.synapse(), Signal::STOP);
    until("the answer is due", async || {
        let health = router.get("/healthz").await.json();
        (health["outbox_waiting"] == 1).then_some(())
    })
    .await;
    let begun = Instant::now();
    let status = router.stop().await;
    let took = begun.elapsed();
    freeze(world.synapse(), Signal::CONT);
    eprintln!("stopped after {took:?}");
    assert!(
        status.success() && took < LONGEST,
        "{status} after {took:?}"
    );

    let router = setup.start().await;
    ask(&ann, &room, &bot.user_id, "after").await;
    let said = texts(&ann, &room, &bot.user_id).await;
    assert_eq!(said, ["before", "slept 3 s", "after"]);
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_stop_with_a_handler_at_work_leaves_its_question_for_the_next_start() {
    let world = World::shared("stop");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).room(&room, "active");
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;
    ann.say(&room, "!slow 6").await.unwrap();
    ann.say(&room, "!echo behind it").await.unwrap();
    router.until_metric("matrix_inbox_depth", 2.0).await;

    let begun = Instant::now();
    let status = router.stop().await;
    let took = begun.elapsed();
    assert!(
        status.success() && took < LONGEST,
        "{status} after {took:?}"
    );

    let router = setup.start().await;
    ask(&ann, &room, &bot.user_id, "last").await;
    let said = texts(&ann, &room, &bot.user_id).await;
    assert_eq!(said, ["slept 6 s", "behind it", "last"]);
    assert!(router.stop().await.success());
}
