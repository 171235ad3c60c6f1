//! R12, as far as it goes by now: the token is revoked during the run.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::http;
use crate::load::{all_are_answered_once_in_order, ask};
use crate::until::until;
use crate::world::{World, joined, room};

/// Sync and sending each try again after 30 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_revoked_token_is_told_with_advice_not_hammered_and_replaced_without_loss() {
    let mut world = World::own("tokens", |config| config).await;
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).room(&room, "active");
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;
    ask(&ann, &room, &bot.user_id, "before").await;

    // Its answer is decided by then, and cannot be sent.
    ann.say(&room, "!echo during").await.unwrap();
    let logout = "/_matrix/client/v3/logout";
    let token = Some(bot.access_token.as_str());
    let answer = http::ask(world.base_url(), "POST", logout, token, Some(&json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    ann.say(&room, "!echo after").await.unwrap();
    let begun = Instant::now();
    let failed = until("health says that the token is rejected", async || {
        let answer = router.get("/healthz").await;
        (answer.status == 503).then_some(answer.body)
    })
    .await;
    assert!(
        failed.contains("log the account in again on the same device"),
        "{failed}"
    );

    // The second try of whatever tried first comes late.
    let first = refused(&world);
    until("another try", async || {
        (refused(&world) > first + 1).then_some(())
    })
    .await;
    let (tries, took) = (refused(&world), begun.elapsed());
    eprintln!("{tries} refused requests in {took:?}");
    assert!(tries <= 4 && took > PATIENCE, "{tries} tries in {took:?}");
    assert!(router.stop().await.success());

    let login = json!({
        "type": "m.login.password", "password": bot.password, "device_id": bot.device_id,
        "identifier": { "type": "m.id.user", "user": bot.user_id },
    });
    let login = http::ask(
        world.base_url(),
        "POST",
        "/_matrix/client/v3/login",
        None,
        Some(&login),
    );
    let login = login.await.json();
    setup.write_token(login["access_token"].as_str().unwrap());
    let router = setup.start().await;
    ask(&ann, &room, &bot.user_id, "again").await;

    let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), &bot.user_id).await;
    assert_eq!(answered, 4);
    assert!(router.stop().await.success());
    world.synapse().stop().await.unwrap();
}

/// How many requests were refused for their token.
fn refused(world: &World) -> usize {
    world
        .requests()
        .iter()
        .filter(|request| request.status == 401)
        .count()
}
