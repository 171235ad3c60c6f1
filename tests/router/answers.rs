//! What the bot answers, and what it says of itself meanwhile.

use serde_json::json;

use super::{
    bot::{Bot, get},
    world::World,
};

#[tokio::test]
async fn each_command_is_answered() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let bot = world.start().await;

    assert_eq!(world.ask(&room, "!ping").await, "pong");
    assert_eq!(world.ask(&room, "!echo a  b").await, "a  b");
    assert_eq!(
        world.ask(&room, "!echo").await,
        "nothing to echo; say !echo TEXT"
    );
    assert_eq!(world.ask(&room, "!slow 0.1").await, "slept 0.1 s");
    assert_eq!(
        world.ask(&room, "!slow down").await,
        "say !slow SECONDS, a number up to 3600"
    );
    assert_eq!(
        world.ask(&room, "!slow 3601").await,
        "say !slow SECONDS, a number up to 3600"
    );
    assert_eq!(world.ask(&room, "!fail").await, "failed: asked to fail");
    assert_eq!(world.ask(&room, "!ping").await, "pong");

    bot.stop().await;
}

#[tokio::test]
async fn a_question_in_a_thread_is_answered_in_it() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let bot = world.start().await;

    let root = world.alice_says(&room, "a thread");
    let question = world
        .server
        .send_in_thread(&room, &world.alice.user_id, &root, "!ping");
    let answers = world.answers_to(&room, &question).await;

    let expected = json!({
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": false,
        "m.in_reply_to": { "event_id": question },
    });
    assert_eq!(answers[0].content["m.relates_to"], expected);
    bot.stop().await;
}

#[tokio::test]
async fn an_alias_is_as_good_as_an_id_and_other_rooms_are_off() {
    let world = World::new().await;
    let body = json!({ "preset": "public_chat", "room_alias_name": "ops" });
    let listed = world.server.create_room_with(&world.alice.user_id, &body);
    world.server.join(&listed, &world.bot.user_id);
    let other = world.room();
    world.configure(&[("#ops:testkit.local", "active")], "");
    let bot = world.start().await;

    let ignored = world.alice_says(&other, "!ping");
    assert_eq!(world.ask(&listed, "!ping").await, "pong");

    bot.stop().await;
    assert_eq!(world.server.last_event_id(&other), Some(ignored));
}

#[tokio::test]
async fn metrics_and_health_are_served() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "[http]\nlisten = \"127.0.0.1:0\"\n");
    let mut bot = Bot::start(world.command(&[]));
    let address = bot.address().await;

    let (status, first) = get(&address, "/metrics").await;
    assert_eq!(status, 200);
    for name in [
        "matrix_send_success_total",
        "matrix_sync_events_received_total",
        "matrix_room_creation_total",
        "matrix_duplicate_events_total",
        "matrix_rate_limited_total",
        "matrix_outbox_depth",
        "matrix_outbox_oldest_seconds",
        "matrix_sync_lag_seconds",
        "matrix_encrypted_rooms",
        "matrix_handler_seconds_count",
        "matrix_send_failure_total{reason=\"away\"}",
        "matrix_parked_total{reason=\"handler\"}",
    ] {
        let is_zero = |line: &str| line.strip_prefix(name).map(str::trim) == Some("0");
        assert!(
            first.lines().any(is_zero),
            "{name} is not there with 0:\n{first}"
        );
    }

    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    assert_eq!(world.ask(&room, "!fail").await, "failed: asked to fail");
    let (status, health) = get(&address, "/healthz").await;
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    let (_, metrics) = get(&address, "/metrics").await;
    assert!(
        metrics.contains("matrix_parked_total{reason=\"handler\"} 1"),
        "{metrics}"
    );
    assert!(!metrics.contains(&world.bot.access_token));
    bot.stop().await;
}

#[tokio::test]
async fn logs_can_be_json_and_hold_no_token() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let mut command = world.command(&["--log", "json"]);
    command.env("RUST_LOG", "trace");
    let mut bot = Bot::start(command);

    let line = bot.says("connected to http").await;
    world.followed_since(0).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    bot.signal("TERM").await;
    bot.says("\"stopped\"").await;

    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["fields"]["user"], json!(world.bot.user_id));
    for line in bot.said() {
        assert!(!line.contains(&world.bot.access_token), "{line}");
    }
}
