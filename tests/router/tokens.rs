//! Access tokens that are replaced, or run out, while the bot runs.

use std::{fs, time::Duration};

use matrix_bridge_testkit::homeserver::{Account, Endpoint};
use serde_json::json;

use super::{
    bot::{Bot, PATIENCE, get, wait_for_health},
    world::World,
};

const HTTP: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

/// A bot that logs all there is to log.
fn start(world: &World) -> Bot {
    let mut command = world.command(&[]);
    command.env("RUST_LOG", "trace");
    Bot::start(command)
}

/// Another token of the bot's, on its device.
fn log_in_again(world: &World) -> Account {
    let device = world.bot.device_id.as_deref().unwrap();
    world.server.log_in(&world.bot.user_id, device)
}

/// Ends the bot; nothing that it said held one of `secrets`.
async fn stop_and_look_for(mut bot: Bot, secrets: &[&str]) {
    bot.signal("TERM").await;
    bot.says("stopped").await;
    let said = bot.said().join("\n");
    for secret in secrets {
        assert!(!said.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_and_replaced_in_its_file_loses_nothing() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], HTTP);
    let mut bot = start(&world);
    let address = bot.address().await;
    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");

    world.server.revoke(&world.bot.access_token);
    let questions = ["!ping", "!echo two"].map(|body| world.alice_says(&room, body));
    wait_for_health(&address, |status, body| {
        status == 503 && body.contains("still holds the refused access token")
    })
    .await;
    let health = get(&address, "/healthz").await.1;
    assert!(!health.contains(&world.bot.access_token), "{health}");
    let other = world.server.log_in(&world.bot.user_id, "OTHER");
    fs::write(world.path("token"), &other.access_token).unwrap();
    wait_for_health(&address, |_, body| body.contains("has the device OTHER")).await;

    let next = log_in_again(&world);
    fs::write(world.path("token"), format!("{}\n", next.access_token)).unwrap();

    for question in &questions {
        assert_eq!(world.answers_to(&room, question).await.len(), 1);
    }
    wait_for_health(&address, |status, _| status == 200).await;
    let secrets = [&world.bot, &other, &next].map(|account| account.access_token.as_str());
    stop_and_look_for(bot, &secrets).await;
}

#[tokio::test]
async fn a_bot_that_could_not_connect_does_with_the_next_token_in_the_file() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], HTTP);
    world.server.expire(&world.bot.access_token);
    let question = world.alice_says(&room, "!ping");
    let mut bot = start(&world);
    let address = bot.address().await;
    wait_for_health(&address, |status, body| {
        status == 503 && body.contains("log in again with the same device id")
    })
    .await;

    let next = log_in_again(&world);
    fs::write(world.path("token"), &next.access_token).unwrap();

    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    assert_eq!(
        world.server.messages_in(&room).len(),
        3,
        "{question} is history"
    );
    let secrets = [world.bot.access_token.as_str(), &next.access_token];
    stop_and_look_for(bot, &secrets).await;
}

#[tokio::test]
async fn a_session_is_refreshed_time_and_again_and_lives_through_a_kill() {
    const LIFETIME: Duration = Duration::from_secs(300);
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], HTTP);
    let toml = fs::read_to_string(world.path("c.toml")).unwrap();
    let (token, session) = (world.path("token"), world.path("session.json"));
    let toml = toml.replace(
        &format!("access_token_file = {token:?}"),
        &format!("session_file = {session:?}"),
    );
    fs::write(world.path("c.toml"), toml).unwrap();
    let device = world.bot.device_id.as_deref().unwrap();
    let (account, refresh) = world.server.log_in_refreshable(&world.bot.user_id, device);
    let login = json!({ "access_token": account.access_token, "refresh_token": refresh });
    fs::write(&session, login.to_string()).unwrap();

    let mut secrets = Vec::new();
    let mut note = || {
        let text = fs::read_to_string(&session).unwrap();
        let quoted = text.split('"').filter(|part| part.starts_with("sy"));
        secrets.extend(quoted.map(str::to_owned));
    };
    note();
    for _ in 0..2 {
        let mut bot = start(&world);
        bot.address().await;
        world.followed_since(0).await;
        for _ in 0..3 {
            world.server.advance(LIFETIME);
            assert_eq!(world.ask(&room, "!ping").await, "pong");
            note();
        }
        bot.signal("KILL").await;
        assert_eq!(bot.ended_within(PATIENCE).await, None);
    }
    let bot = start(&world);
    assert_eq!(world.ask(&room, "!ping").await, "pong");

    let requests = world.server.requests();
    let refreshes = requests.iter().filter(|r| r.endpoint == Endpoint::Refresh);
    assert_eq!(refreshes.count(), 6);
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    assert!(secrets.len() == 14, "{}", secrets.len());
    stop_and_look_for(bot, &secrets).await;
}
