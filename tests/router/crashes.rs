//! How the bot ends. That nothing is lost or said twice when it is killed is what `cargo xtask kill` is for.

use std::time::Duration;

use super::{bot::Bot, world::World};

#[tokio::test]
async fn signals_stop_it_within_five_seconds_whatever_it_does() {
    for signal in ["TERM", "INT"] {
        let world = World::new().await;
        let [slow, room] = [world.room(), world.room()];
        world.configure(&[(&slow, "active"), (&room, "active")], "");
        let bot = world.start().await;
        let question = world.alice_says(&slow, "!slow 3600");
        assert_eq!(world.ask(&room, "!ping").await, "pong");

        bot.signal(signal).await;
        assert_eq!(bot.ended_within(Duration::from_secs(5)).await, Some(0));

        assert_eq!(world.server.last_event_id(&slow), Some(question));
    }
}

#[tokio::test]
async fn it_stops_while_it_is_still_connecting() {
    let world = World::new().await;
    world.configure(&[], "");
    world.server.go_down();
    let mut bot = Bot::start(world.command(&[]));
    bot.says("is away").await;

    bot.stop().await;

    assert!(!world.path("bot.db").exists());
}
