//! R12: tokens that are revoked, and that run out, during the run.

use std::fs;
use std::time::Duration;

use matrix_bridge_testkit::person::Person;
use matrix_bridge_testkit::synapse::{Account, SynapseConfig};
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
    let login = world.log_in(&bot, None, false).await;
    let begun = Instant::now();
    setup.write_token(login["access_token"].as_str().unwrap());
    ask(&ann, &room, &bot.user_id, "again").await;
    let took = begun.elapsed();
    eprintln!("answered {took:?} after the new token was written");
    assert!(took < PATIENCE, "{took:?}");

    let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), &bot.user_id).await;
    assert_eq!(answered, 4);
    until("health is good again", async || {
        (router.get("/healthz").await.status == 200).then_some(())
    })
    .await;
    assert!(router.stop().await.success());
    world.synapse().stop().await.unwrap();
}

#[tokio::test]
async fn a_session_of_seconds_is_refreshed_time_and_again_and_every_question_answered_once() {
    let set_up =
        |config: SynapseConfig| config.setting("refreshable_access_token_lifetime", json!("3s"));
    let mut world = World::own("sessions", set_up).await;
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).room(&room, "active").session();
    let login = world.log_in(&bot, None, true).await;
    setup.write_token(&login.to_string());
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;

    let mut asked = ask_until_refreshed(&world, &ann, &room, &bot, 3).await;
    router.kill9().await;
    ann.say(&room, "!echo nobody is there").await.unwrap();
    let router = setup.start().await;
    asked += 1 + ask_until_refreshed(&world, &ann, &room, &bot, 6).await;

    let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), &bot.user_id).await;
    assert_eq!(answered, asked);
    eprintln!("{asked} questions over {} refreshes", refreshed(&world));
    let health = router.get("/healthz").await;
    assert_eq!(health.status, 200, "{}", health.body);
    let log = router.log();
    let session = fs::read_to_string(setup.token_path()).unwrap();
    let secrets = session.split('"').filter(|part| part.starts_with("sy"));
    assert!(secrets.clone().count() == 2, "the session has two tokens");
    for secret in secrets {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert!(router.stop().await.success());
    world.synapse().stop().await.unwrap();
}

/// Asks, each question after the answer to the one before, until there were so many
/// refreshes. Returns how many were asked.
async fn ask_until_refreshed(
    world: &World,
    ann: &Person,
    room: &str,
    bot: &Account,
    refreshes: usize,
) -> usize {
    let mut asked = 0;
    while refreshed(world) < refreshes {
        ask(ann, room, &bot.user_id, &asked.to_string()).await;
        asked += 1;
    }
    asked
}

/// How often a session was refreshed.
fn refreshed(world: &World) -> usize {
    let requests = world.requests();
    let is_refresh = |path: &str| path == "/_matrix/client/v3/refresh";
    let refreshes = requests
        .iter()
        .filter(|r| r.status == 200 && is_refresh(&r.path));
    refreshes.count()
}

/// How many requests were refused for their token.
fn refused(world: &World) -> usize {
    world
        .requests()
        .iter()
        .filter(|request| request.status == 401)
        .count()
}
