//! R8: one room changes its mode while the bot runs, and nothing else changes.

use std::fs;

use crate::load::ask;
use crate::router;
use crate::said::{texts, until_said};
use crate::until::until;
use crate::world::{World, joined, room};

const OFF: &str = "matrix_events_skipped_total{reason=\"room_off\"}";

#[tokio::test]
async fn a_room_goes_through_all_modes_while_the_other_one_is_answered_throughout() {
    let world = World::shared("canary");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let guests = [bot.user_id.as_str()];
    let [canary, other] = [room(&ann, &guests).await, room(&ann, &guests).await];
    let listed = world.setup(&bot).room(&other, "active");
    let mut router = listed.clone().room(&canary, "active").start().await;
    let id = router.id();
    for room in [&canary, &other] {
        joined(&ann, room, &bot.user_id).await;
    }
    ask(&ann, &canary, &bot.user_id, "active").await;
    ask(&ann, &other, &bot.user_id, "1").await;

    listed.clone().room(&canary, "shadow").write();
    router
        .reload("rooms in force: 1 active, 1 shadow, 0 off")
        .await;
    ann.say(&canary, "!echo shadow").await.unwrap();
    router.until_metric("matrix_shadow_total", 1.0).await;
    ask(&ann, &other, &bot.user_id, "2").await;

    listed.clone().room(&canary, "off").write();
    router
        .reload("rooms in force: 1 active, 0 shadow, 1 off")
        .await;
    ann.say(&canary, "!echo off").await.unwrap();
    router.until_metric(OFF, 1.0).await;
    ask(&ann, &other, &bot.user_id, "3").await;

    let setup = listed.room(&canary, "active");
    setup.write();
    router
        .reload("rooms in force: 2 active, 0 shadow, 0 off")
        .await;
    ask(&ann, &canary, &bot.user_id, "active again").await;
    ask(&ann, &other, &bot.user_id, "4").await;

    let bodies = texts(&ann, &canary, &bot.user_id).await;
    assert_eq!(bodies, ["active", "active again"]);
    assert_eq!(
        texts(&ann, &other, &bot.user_id).await,
        ["1", "2", "3", "4"]
    );
    let report = router::output(&["--shadow-report"], setup.path()).await;
    let report = String::from_utf8(report.stdout).unwrap();
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.contains("\"body\":\"shadow\""), "{report}");
    assert_eq!((router.id(), router.metric(OFF).await), (id, 1.0));
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_is_told() {
    let world = World::shared("mistake");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).room(&room, "active");
    let mut router = setup.start().await;
    joined(&ann, &room, &bot.user_id).await;

    fs::write(setup.path(), "[matrix]\nmode = \"loud\"\n").unwrap();
    router.reload("what was in force stays").await;
    ask(&ann, &room, &bot.user_id, "still here").await;

    let line = router.until_logged("what was in force stays").await;
    assert!(
        line.contains("router.toml") && line.contains("ERROR"),
        "{line}"
    );
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_room_that_is_off_at_first_is_joined_when_it_is_switched_on() {
    let world = World::shared("late");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let guests = [bot.user_id.as_str()];
    let [late, other] = [room(&ann, &guests).await, room(&ann, &guests).await];
    let listed = world.setup(&bot).room(&other, "active");
    let mut router = listed.clone().room(&late, "off").start().await;
    joined(&ann, &other, &bot.user_id).await;
    ask(&ann, &other, &bot.user_id, "here").await;
    assert_eq!(ann.members(&late).await.unwrap(), [ann.user_id()]);

    listed.room(&late, "active").write();
    router.reload("rooms in force: 2 active").await;
    until("the late room is joined", async || {
        let members = ann.members(&late).await.unwrap();
        members.contains(&bot.user_id).then_some(())
    })
    .await;
    ask(&ann, &late, &bot.user_id, "now").await;

    assert_eq!(until_said(&ann, &late, &bot.user_id, 1).await.len(), 1);
    assert!(router.stop().await.success());
}
