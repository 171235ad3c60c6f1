//! The report of shadow mode, also beside the bot that runs.

use std::{fs, process::Stdio};

use serde_json::json;

use super::{
    bot::output,
    world::{World, json_lines},
};

#[tokio::test]
async fn shadow_mode_writes_nothing_and_is_reported() {
    let world = World::new().await;
    let room = world.room();
    let invited = world.server.create_room(&world.alice.user_id);
    world.configure(&[(&room, "active"), (&invited, "active")], "");
    let mut command = world.command(&[]);
    command.env("MATRIX_MODE", "shadow");
    let bot = super::bot::Bot::start(command);
    world.followed_since(0).await;

    let plain = world.alice_says(&room, "!echo one");
    let root = world.alice_says(&room, "a thread");
    let threaded = world
        .server
        .send_in_thread(&room, &world.alice.user_id, &root, "!ping");
    world
        .server
        .invite(&invited, &world.alice.user_id, &world.bot.user_id);
    let lines = loop {
        let report = output(world.command(&["--shadow-report"])).await;
        assert_eq!(report.status.code(), Some(0), "{report:?}");
        let lines = json_lines(&report.stdout);
        if lines.len() == 3 {
            break lines;
        }
    };

    let mut shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let time = line["time"].as_str().unwrap();
            assert!(
                time.len() == 24 && time.ends_with('Z') && time.contains('T'),
                "{time}"
            );
            let keys = ["room", "thread", "in_reply_to", "body", "action", "cause"];
            json!(keys.map(|key| line[key].clone()))
        })
        .collect();
    let join = shown
        .iter()
        .position(|line| line[0] == json!(invited))
        .unwrap();
    assert_eq!(
        shown.remove(join),
        json!([invited, null, null, null, "join", null])
    );
    let expected = [
        json!([room, null, plain, "one", "send", plain]),
        json!([room, root, threaded, "pong", "send", threaded]),
    ];
    assert_eq!(shown, expected);
    assert_eq!(world.server.writes(), []);
    bot.stop().await;
}

#[tokio::test]
async fn parked_events_are_listed() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let bot = world.start().await;
    let question = world.alice_says(&room, "!fail");
    assert_eq!(world.answers_to(&room, &question).await.len(), 1);
    bot.stop().await;

    let report = output(world.command(&["--parked"])).await;

    let lines = json_lines(&report.stdout);
    assert_eq!((lines.len(), &lines[0]["event"]), (1, &json!(question)));
    assert_eq!(lines[0]["reason"], "handler: asked to fail");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "shadow")], "");
    let bot = world.start().await;
    // More than a pipe holds.
    let long = "x".repeat(40_000);
    for _ in 0..4 {
        world.alice_says(&room, &format!("!echo {long}"));
    }
    while json_lines(&output(world.command(&["--shadow-report"])).await.stdout).len() < 4 {}
    bot.stop().await;

    let mut command = world.command(&["--shadow-report"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let report = child.wait_with_output().await.unwrap();

    assert_eq!(
        (report.status.code(), report.stderr.len()),
        (Some(0), 0),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_backup_is_made_beside_the_bot_and_the_next_one_goes_on_from_it() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let bot = world.start().await;
    let before = world.alice_says(&room, "!ping");
    assert_eq!(world.answers_to(&room, &before).await.len(), 1);
    let copy = world.path("copy.db");
    let copy = copy.to_str().unwrap();

    let made = output(world.command(&["--backup", copy])).await;
    let again = output(world.command(&["--backup", copy])).await;

    assert_eq!((made.status.code(), made.stderr.len()), (Some(0), 0));
    assert_eq!(again.status.code(), Some(2));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("is there already"), "{told}");
    let since = world.alice_says(&room, "!ping");
    assert_eq!(world.answers_to(&room, &since).await.len(), 1);
    bot.stop().await;

    fs::rename(copy, world.path("bot.db")).unwrap();
    let bot = world.start().await;
    let after = world.alice_says(&room, "!ping");
    assert_eq!(world.answers_to(&room, &after).await.len(), 1);
    // What was answered after the backup was made is not answered again.
    assert_eq!(world.answers_to(&room, &since).await.len(), 1);
    bot.stop().await;
}
