//! SIGHUP: what is put in force, and what is not.

use std::fs;

use super::{
    bot::{Bot, output},
    world::{World, json_lines},
};

#[tokio::test]
async fn modes_follow_the_file() {
    let world = World::new().await;
    let [room, other] = [world.room(), world.room()];
    let configure = |mode| world.configure(&[(&room, mode), (&other, "active")], "");
    configure("active");
    let mut bot = started(&world).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");

    configure("shadow");
    bot.signal("HUP").await;
    bot.says("rooms in force: 1 active, 1 shadow, 0 off").await;
    let shadowed = world.alice_says(&room, "!echo in shadow");
    let lines = loop {
        let report = output(world.command(&["--shadow-report"])).await;
        let lines = json_lines(&report.stdout);
        if !lines.is_empty() {
            break lines;
        }
    };
    assert_eq!(
        (&lines[0]["in_reply_to"], lines.len()),
        (&shadowed.as_str().into(), 1)
    );

    configure("off");
    bot.signal("HUP").await;
    bot.says("rooms in force: 1 active, 0 shadow, 1 off").await;
    let off = world.alice_says(&room, "!echo off");
    // Batches are committed in order: what came before this is done with.
    assert_eq!(world.ask(&other, "!ping").await, "pong");
    bot.stop().await;

    configure("active");
    let bot = started(&world).await;
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    bot.stop().await;
    let messages = world.server.messages_in(&room);
    for question in [shadowed, off] {
        let is_answer = |message| super::world::in_reply_to(message) == Some(question.as_str());
        assert!(!messages.iter().any(is_answer), "never answered later");
    }
}

#[tokio::test]
async fn a_mistake_changes_nothing_and_a_restart_is_asked_for() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let mut bot = started(&world).await;

    fs::write(world.path("c.toml"), "[matrix]\nmode = \"off\"").unwrap();
    bot.signal("HUP").await;
    let line = bot.says("reload:").await;
    assert!(
        line.contains("ERROR") && line.contains("what was in force stays"),
        "{line}"
    );
    assert_eq!(world.ask(&room, "!ping").await, "pong");

    world.configure(
        &[(&room, "active")],
        "[matrix.dedupe]\nttl = 60\n[http]\nlisten = \"127.0.0.1:0\"\n",
    );
    bot.signal("HUP").await;
    let line = bot.says("reload: changed keys").await;
    assert!(
        line.ends_with("need a restart: matrix.dedupe.ttl, http.listen"),
        "{line}"
    );
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    bot.stop().await;
}

async fn started(world: &World) -> Bot {
    let mut bot = world.start().await;
    bot.says("rooms in force").await;
    bot
}
