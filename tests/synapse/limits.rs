//! R9: bursts on homeservers that limit how often a user may send. Each has a server of its own, and they wait
//! side by side.

use std::time::Duration;

use futures_util::future::join_all;
use matrix_bridge_testkit::person::{Person, Wanted};
use matrix_bridge_testkit::synapse::{RateLimits, SynapseConfig};
use serde_json::json;

use crate::http;
use crate::said::{Said, said};
use crate::sends::Sends;
use crate::until::until;
use crate::world::{World, joined, room};

/// The least share of what the server allows.
const SHARE: f64 = 0.95;

/// Both bursts take 100 to 120 s at the rate that is allowed.
const PATIENCE: Duration = Duration::from_secs(200);

#[tokio::test]
async fn a_burst_of_30_on_a_homeserver_with_its_own_limits() {
    // Synapse's own: 10 at once, then one every 5 seconds.
    let limited = |config: SynapseConfig| config.rate_limits(RateLimits::ServersOwn);
    burst("limits", limited, 10, 0.2).await;
}

#[tokio::test]
#[ignore = "on a busy machine nothing is as fast as this limit: cargo xtask test synapse --full"]
async fn a_burst_of_600_on_a_homeserver_limited_to_5_a_second() {
    let limited = |config: SynapseConfig| config.message_limit(5.0, 10);
    burst("limits-600", limited, 200, 5.0).await;
}

/// Lets three people ask `each` questions in a room of their own while the bot is away, and judges the answers.
async fn burst(
    name: &'static str,
    limited: impl FnOnce(SynapseConfig) -> SynapseConfig,
    each: usize,
    per_second: f64,
) {
    let world = World::own(name, limited).await;
    let bot = world.account("bot").await;
    let administrator = world.administrator().await;
    let mut people = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let person = world.person(name).await;
        let_go(&world, &administrator, person.user_id()).await;
        let room = room(&person, &[&bot.user_id]).await;
        people.push((person, room));
    }
    let rooms: Vec<_> = people.iter().map(|(_, room)| room.clone()).collect();
    let setup = world.setup(&bot).active(&rooms);
    let router = setup.start().await;
    for (person, room) in &people {
        joined(person, room, &bot.user_id).await;
    }
    assert!(router.stop().await.success());

    let expected = join_all(people.iter().map(|(person, room)| ask(person, room, each))).await;
    let router = setup.start().await;

    for ((person, room), expected) in people.iter().zip(&expected) {
        let question = expected.last().and_then(|last| last.in_reply_to.as_deref());
        let answer = Wanted::new()
            .sender(&bot.user_id)
            .relates_to(question.unwrap());
        person.sync_until(room, &answer, PATIENCE).await.unwrap();
    }
    // The log has each request a moment after its answer.
    let sends = until("all sends in the log", async || {
        let sends = Sends::of(world.requests_of(&bot.user_id));
        (sends.accepted() >= 3 * each).then_some(sends)
    })
    .await;
    for ((person, room), expected) in people.iter().zip(&expected) {
        assert_eq!(&said(person, room, &bot.user_id).await, expected);
    }
    let (refused, waits) = (sends.refused(), sends.waits().len());
    let (late, span) = sends.since_first_refusal();
    let share = late as f64 / (span.as_secs_f64() * per_second);
    eprintln!(
        "{} answers, {late} of them in the {:.1} s from the first refusal on: {:.1}% of the allowed rate, \
         with {refused} refusals in {waits} waits",
        sends.accepted(),
        span.as_secs_f64(),
        100.0 * share,
    );
    assert_eq!(sends.accepted(), 3 * each);
    assert_eq!(
        router.metric("matrix_rate_limited_total").await,
        refused as f64
    );
    assert!(share >= SHARE, "{share} of the allowed rate");
    assert!(router.stop().await.success());
}

/// Takes the server's limits off a person.
async fn let_go(world: &World, administrator: &str, user: &str) {
    let path = format!("/_synapse/admin/v1/users/{user}/override_ratelimit");
    let body = json!({ "messages_per_second": 0, "burst_count": 0 });
    let answer = http::ask(
        world.base_url(),
        "POST",
        &path,
        Some(administrator),
        Some(&body),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Asks so many questions in a row, and says what the answers will be.
async fn ask(person: &Person, room: &str, count: usize) -> Vec<Said> {
    let mut answers = Vec::new();
    for number in 0..count {
        let question = person.say(room, &format!("!echo {number}")).await.unwrap();
        answers.push(Said::plain(&number.to_string(), &question));
    }
    answers
}
