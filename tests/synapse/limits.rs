//! R9, as far as it goes by now: a homeserver with the limits that it has by default.

use matrix_bridge_testkit::synapse::RateLimits;

use crate::said::{Said, until_said};
use crate::world::{World, accept, joined, room};

/// Synapse lets a user send 10 at once, then one every 5 seconds. The join into the room is one of them.
const AT_ONCE: usize = 9;
const BURST: usize = 12;

#[tokio::test]
async fn a_burst_beyond_the_limit_arrives_in_order_and_once() {
    let world = World::own("limits", |config| {
        config.rate_limits(RateLimits::ServersOwn)
    })
    .await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let bot = world.account("bot").await;
    let room = room(&ann, &[bob.user_id(), &bot.user_id]).await;
    let router = world.setup(&bot).room(&room, "active").start().await;
    joined(&ann, &room, &bot.user_id).await;
    accept(&bob, &room).await;

    // One person alone would be limited as well.
    let mut expected = Vec::new();
    for number in 0..BURST {
        let person = if number % 2 == 0 { &ann } else { &bob };
        let question = person.say(&room, &format!("!echo {number}")).await.unwrap();
        expected.push(Said::plain(&number.to_string(), &question));
    }

    assert_eq!(until_said(&ann, &room, &bot.user_id, BURST).await, expected);
    let requests = world.requests_of(&bot.user_id);
    // Each wait has one; some of the allowance may have come back before the burst.
    let refused = requests
        .iter()
        .filter(|request| request.status == 429)
        .count();
    assert!(
        (1..=BURST - AT_ONCE).contains(&refused),
        "{refused} refusals"
    );
    assert_eq!(
        router.metric("matrix_rate_limited_total").await,
        refused as f64
    );
    eprintln!("{refused} refusals for {BURST} answers");
    assert!(router.stop().await.success());
}
