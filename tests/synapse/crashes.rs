//! The homeserver is killed under load, and nothing is lost or said twice.

use std::time::Duration;

use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use crate::load::{all_are_answered_once_in_order, ask_until};
use crate::world::{World, joined, room};

/// The moments of the kills follow from it.
const SEED: u64 = 9;
const KILLS: usize = 3;

#[tokio::test]
async fn a_homeserver_that_is_killed_under_load_loses_and_doubles_no_answer() {
    let mut world = World::own("crashes", |config| config).await;
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let mut rooms = [const { String::new() }; 4];
    for id in &mut rooms {
        *id = room(&ann, &[&bot.user_id]).await;
    }
    let router = world.setup(&bot).active(&rooms).start().await;
    for room in &rooms {
        joined(&ann, room, &bot.user_id).await;
    }

    let stop = CancellationToken::new();
    let killing = async {
        let mut random = Rng::with_seed(SEED);
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(random.u64(1_000..3_000))).await;
            world.synapse().kill9().await.unwrap();
            world.synapse().restart().await.unwrap();
        }
        stop.cancel();
    };
    let (asked, ()) = tokio::join!(ask_until(&ann, &rooms, &stop), killing);

    let mut answered = 0;
    for room in &rooms {
        let count = all_are_answered_once_in_order(&ann, room, ann.user_id(), &bot.user_id);
        answered += count.await;
    }
    assert_eq!(answered, asked);
    eprintln!("{KILLS} kills, {asked} questions, seed {SEED}");
    assert!(router.stop().await.success());
}
