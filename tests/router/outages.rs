//! A homeserver that is away, a token that is rejected, an alias that does not resolve.

use std::fs;

use serde_json::json;

use super::{
    bot::{Bot, get, wait_for_health},
    world::World,
};

const HTTP: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

#[tokio::test]
async fn a_homeserver_that_is_away_is_waited_for() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], HTTP);
    world.server.go_down();
    let mut bot = Bot::start(world.command(&[]));
    let address = bot.address().await;

    let (status, health) = get(&address, "/healthz").await;
    assert_eq!(status, 200);
    assert!(
        health.contains("\"degraded\"") && health.contains("is away"),
        "{health}"
    );
    assert_eq!(get(&address, "/metrics").await.0, 200);

    world.server.come_up();
    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    wait_for_health(&address, |status, body| {
        status == 200 && body.contains("\"status\":\"ok\"")
    })
    .await;
    bot.stop().await;
}

#[tokio::test]
async fn a_rejected_token_can_be_replaced_in_its_file() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], HTTP);
    world.server.revoke(&world.bot.access_token);
    let mut bot = Bot::start(world.command(&[]));
    let address = bot.address().await;

    let (status, health) = get(&address, "/healthz").await;
    assert_eq!(status, 503);
    assert!(
        health.contains("log in again with the same device id and put the new one in"),
        "{health}"
    );

    let device = world.bot.device_id.as_deref().unwrap();
    let fresh = world.server.log_in(&world.bot.user_id, device);
    fs::write(world.path("token"), fresh.access_token).unwrap();
    bot.signal("HUP").await;
    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    wait_for_health(&address, |status, _| status == 200).await;
    bot.stop().await;
}

#[tokio::test]
async fn an_alias_that_does_not_resolve_is_asked_about_again() {
    let world = World::new().await;
    let room = world.room();
    world.configure(
        &[(&room, "active"), ("#late:testkit.local", "active")],
        HTTP,
    );
    let mut bot = Bot::start(world.command(&[]));
    let address = bot.address().await;
    bot.says("#late:testkit.local (the homeserver does not know it)")
        .await;
    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    assert!(
        get(&address, "/healthz")
            .await
            .1
            .contains("aliases that do not resolve")
    );

    let body = json!({ "preset": "public_chat", "room_alias_name": "late" });
    let late = world.server.create_room_with(&world.alice.user_id, &body);
    world.server.join(&late, &world.bot.user_id);
    bot.says("rooms in force: 2 active").await;

    assert_eq!(world.ask(&late, "!ping").await, "pong");
    wait_for_health(&address, |_, body| !body.contains("aliases")).await;
    bot.stop().await;
}

#[tokio::test]
async fn an_alias_that_resolved_once_holds_while_the_homeserver_cannot_tell() {
    use matrix_bridge_testkit::homeserver::{Endpoint, Fault};

    let world = World::new().await;
    let body = json!({ "preset": "public_chat", "room_alias_name": "ops" });
    let room = world.server.create_room_with(&world.alice.user_id, &body);
    world.server.join(&room, &world.bot.user_id);
    world.configure(&[("#ops:testkit.local", "active")], "");
    let bot = world.start().await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    bot.stop().await;

    let question = world.alice_says(&room, "!ping");
    world.server.fault(
        Fault::cut_before_acting()
            .on(Endpoint::ResolveAlias)
            .forever(),
    );
    let bot = world.start().await;

    assert_eq!(world.answers_to(&room, &question).await.len(), 1);
    bot.stop().await;
}

#[tokio::test]
async fn names_of_one_room_with_different_modes_mean_the_stricter() {
    let world = World::new().await;
    let body = json!({ "preset": "public_chat", "room_alias_name": "ops" });
    let room = world.server.create_room_with(&world.alice.user_id, &body);
    world.configure(&[(&room, "active"), ("#ops:testkit.local", "shadow")], HTTP);
    let mut bot = Bot::start(world.command(&[]));
    let address = bot.address().await;

    bot.says("rooms in force: 0 active, 1 shadow, 0 off").await;

    wait_for_health(&address, |status, body| {
        status == 200 && body.contains("the strictest holds") && body.contains(&room)
    })
    .await;
    bot.stop().await;
}
