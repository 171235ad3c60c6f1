//! R6: a flood of invites.

use futures_util::future::join_all;

use crate::http;
use crate::load::ask;
use crate::until::until;
use crate::world::{World, joined, room};

const INVITES: usize = 200;
const ALLOWED: usize = 3;
/// How many rooms are made at once.
const AT_ONCE: usize = 8;
/// How many unlisted invites are dealt with in a minute, at most.
const A_MINUTE: usize = 60;

#[tokio::test]
async fn of_two_hundred_invites_the_three_listed_are_joined_and_the_rest_is_left_alone_or_refused_at_a_bounded_rate()
 {
    let world = World::own("invites", |config| config).await;
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let guests = [bot.user_id.as_str()];
    let mut rooms = Vec::new();
    for _ in 0..INVITES / AT_ONCE {
        rooms.extend(join_all((0..AT_ONCE).map(|_| room(&ann, &guests))).await);
    }
    let allowed = [&rooms[7], &rooms[90], &rooms[199]].map(Clone::clone);
    let setup = world.setup(&bot).active(&allowed);

    let mut router = setup.start().await;
    for room in &allowed {
        joined(&ann, room, &bot.user_id).await;
        ask(&ann, room, &bot.user_id, "here").await;
    }

    assert_eq!(
        memberships(&world, &bot.access_token).await,
        (ALLOWED, INVITES - ALLOWED)
    );
    let unlisted = "matrix_events_skipped_total{reason=\"invite\"}";
    assert!(router.metric(unlisted).await >= 1.0);
    assert_eq!(writes(&world, &bot.user_id, "/leave"), 0);
    assert_eq!(writes(&world, &bot.user_id, "/join"), ALLOWED);

    setup.clone().join("leave").write();
    let begun = tokio::time::Instant::now();
    router.reload("the configuration was read again").await;
    until("60 invites are refused", async || {
        ask(&ann, &allowed[0], &bot.user_id, "still here").await;
        (writes(&world, &bot.user_id, "/leave") >= A_MINUTE).then_some(())
    })
    .await;
    for room in &allowed {
        ask(&ann, room, &bot.user_id, "still here").await;
    }
    let refused = writes(&world, &bot.user_id, "/leave");
    let took = begun.elapsed();
    assert!(
        refused == A_MINUTE || took.as_secs() >= 60,
        "{refused} in {took:?}"
    );
    assert_eq!(writes(&world, &bot.user_id, "/join"), ALLOWED);
    eprintln!("{refused} invites refused after {took:?}");
    assert!(router.stop().await.success());
}

/// How many rooms the bot is in, and to how many it is invited.
async fn memberships(world: &World, token: &str) -> (usize, usize) {
    let path =
        "/_matrix/client/v3/sync?filter=%7B%22room%22:%7B%22timeline%22:%7B%22limit%22:1%7D%7D%7D";
    let sync = http::ask(world.base_url(), "GET", path, Some(token), None)
        .await
        .json();
    let count = |section: &str| {
        sync["rooms"][section]
            .as_object()
            .map_or(0, serde_json::Map::len)
    };
    (count("join"), count("invite"))
}

/// How many requests of the bot end like that.
fn writes(world: &World, bot: &str, ending: &str) -> usize {
    let requests = world.requests_of(bot);
    let is_one = |path: &str| path.ends_with(ending);
    requests
        .iter()
        .filter(|request| request.is_write() && is_one(&request.path))
        .count()
}
