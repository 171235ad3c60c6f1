//! R3: the bot is killed, and nothing is lost or said twice.

use std::time::Duration;

use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use crate::load::{all_are_answered_once_in_order, ask, ask_until};
use crate::said::{Said, until_said};
use crate::world::{World, joined, room};

/// The moments of the kills follow from it.
const SEED: u64 = 20;
const KILLS: usize = 10;

#[tokio::test]
async fn messages_sent_while_the_bot_was_killed_are_answered_once_after_its_restart() {
    let world = World::shared("killed");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).active(std::slice::from_ref(&room));
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;
    let before = ask(&ann, &room, &bot.user_id, "before").await;

    router.kill9().await;
    let root = ann.say(&room, "a topic").await.unwrap();
    let plain = ann.say(&room, "!echo plain").await.unwrap();
    let deep = ann.thread(&room, &root, "!echo deep", None).await.unwrap();
    let router = setup.start().await;
    let after = ask(&ann, &room, &bot.user_id, "after").await;

    let expected = [
        Said::plain("before", &before),
        Said::plain("plain", &plain),
        Said::threaded("deep", &deep, &root),
        Said::plain("after", &after),
    ];
    assert_eq!(
        until_said(&ann, &room, &bot.user_id, expected.len()).await,
        expected
    );
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn ten_kills_under_load_leave_every_question_with_one_answer_in_order() {
    let world = World::shared("kills");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let mut rooms = [const { String::new() }; 4];
    for id in &mut rooms {
        *id = room(&ann, &[&bot.user_id]).await;
    }
    let setup = world.setup(&bot).active(&rooms);
    let router = setup.start().await;
    for room in &rooms {
        joined(&ann, room, &bot.user_id).await;
    }
    assert!(router.stop().await.success());

    let stop = CancellationToken::new();
    let killing = async {
        let mut random = Rng::with_seed(SEED);
        for _ in 0..KILLS {
            let router = setup.start().await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..2_000))).await;
            router.kill9().await;
        }
        stop.cancel();
    };
    let (asked, ()) = tokio::join!(ask_until(&ann, &rooms, &stop), killing);
    let router = setup.start().await;

    let mut answered = 0;
    for room in &rooms {
        let count = all_are_answered_once_in_order(&ann, room, ann.user_id(), &bot.user_id);
        answered += count.await;
    }
    assert_eq!(answered, asked);
    eprintln!("{KILLS} kills, {asked} questions, seed {SEED}");
    assert!(router.stop().await.success());
}
