//! R3: the bot is killed, and nothing is lost or said twice. Kills at random moments under load are those of
//! `cargo xtask kill`.

use crate::load::ask;
use crate::said::{Said, until_said};
use crate::world::{World, joined, room};

#[tokio::test]
async fn messages_sent_while_the_bot_was_killed_are_answered_once_after_its_restart() {
    let world = World::shared("killed");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).active(std::slice::from_ref(&room));
    let router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;
    let before = ask(&ann, &room, &bot.user_id, "before").await;

    router.kill9().await;
    let root = ann.say(&room, "a topic").await.unwrap();
    let plain = ann.say(&room, "!echo plain").await.unwrap();
    let deep = ann.thread(&room, &root, "!echo deep", None).await.unwrap();
    let router = setup.start().await;
    let after = ask(&ann, &room, &bot.user_id, "after").await;

    let expected = [
        Said::plain("before", &before),
        Said::plain("plain", &plain),
        Said::threaded("deep", &deep, &root),
        Said::plain("after", &after),
    ];
    assert_eq!(
        until_said(&ann, &room, &bot.user_id, expected.len()).await,
        expected
    );
    assert!(router.stop().await.success());
}
