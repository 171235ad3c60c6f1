//! What was given up, and what a person decides about it, mostly beside the bot.

mod alone;

use std::fs;

use matrix_bridge_harness::until::until;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    bot::{Bot, output},
    world::{World, json_lines},
};

/// What `--parked` came to: its exit code, its lines and what it said.
async fn parked(world: &World, arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let arguments: Vec<&str> = [&["--parked"], arguments].concat();
    let done = output(world.command(&arguments)).await;
    let said = String::from_utf8(done.stderr).unwrap();
    (done.status.code(), json_lines(&done.stdout), said)
}

/// The lines of a `--parked` that does what it is asked for.
async fn lines(world: &World, arguments: &[&str]) -> Vec<Value> {
    let (code, lines, said) = parked(world, arguments).await;
    assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    lines
}

/// The transaction ids under which the bot sent to `room`.
fn transaction_ids(world: &World, room: &str) -> Vec<String> {
    let sends = world.server.writes().into_iter().filter(|request| {
        request.endpoint == Endpoint::Send && request.room.as_deref() == Some(room)
    });
    sends.filter_map(|request| request.transaction_id).collect()
}

/// A bot that was refused its answer to `!echo one`, the room, and the question.
async fn refused() -> (World, Bot, String, String) {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let mut bot = world.start().await;
    let refusal = Fault::error(StatusCode::BAD_REQUEST, "M_BAD_JSON");
    let bots = world.bot.user_id.clone();
    world.server.fault(refusal.on(Endpoint::Send).by(bots));
    let question = world.alice_says(&room, "!echo one");
    bot.says("row parked").await;
    // It says so when it is decided; it is written together with others, a moment later.
    while parked(&world, &[]).await.1.is_empty() {}
    (world, bot, room, question)
}

#[tokio::test]
async fn a_refused_row_is_listed_shown_and_retried_beside_the_bot() {
    let (world, bot, room, question) = refused().await;
    // A person who looks needs no token.
    fs::rename(world.path("token"), world.path("away")).unwrap();

    let listed = lines(&world, &[]).await;
    let id = listed[0]["row"].as_str().unwrap();
    let keys = ["room", "body", "code", "attempts", "replaceable", "cause"];
    assert_eq!(
        (listed.len(), keys.map(|key| &listed[0][key])),
        (
            1,
            [
                &json!(room),
                &json!("one"),
                &json!("bad_content"),
                &json!(0),
                &json!(true),
                &json!(question)
            ]
        )
    );
    let counts = lines(&world, &["counts"]).await;
    let expected = json!({
        "parked": "rows", "code": "bad_content", "count": 1, "oldest": listed[0]["time"],
    });
    assert_eq!(counts, [expected]);
    let shown = lines(&world, &["show", id]).await;
    let [transaction_id] = &transaction_ids(&world, &room)[..] else {
        panic!("it is refused once");
    };
    assert_eq!(shown[0]["transaction_id"], json!(transaction_id));
    assert_eq!(shown[0]["content"]["body"], "one");
    assert_eq!((&shown[0]["row"], shown.len()), (&listed[0]["row"], 1));

    fs::rename(world.path("away"), world.path("token")).unwrap();
    let retried = lines(&world, &["retry", id]).await;

    assert_eq!(
        (&retried[0]["did"], &retried[0]["row"], retried.len()),
        (&json!("retried"), &json!(id), 1)
    );
    let answers = world.answers_to(&room, &question).await;
    assert_eq!((answers.len(), answers[0].body()), (1, "one"));
    assert_eq!(
        transaction_ids(&world, &room),
        [transaction_id.clone(), transaction_id.clone()]
    );
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
    bot.stop().await;
}

#[tokio::test]
async fn a_refused_row_is_replaced_beside_the_bot() {
    let (world, bot, room, question) = refused().await;
    let id = lines(&world, &[]).await[0]["row"].clone();
    let id = id.as_str().unwrap();

    let replaced = lines(&world, &["replace", id, "--text", "--two words"]).await;

    let keys = ["did", "row", "body", "text"].map(|key| replaced[0][key].as_str().unwrap());
    assert_eq!(keys, ["replaced", id, "one", "--two words"]);
    let answers = world.answers_to(&room, &question).await;
    assert_eq!((answers.len(), answers[0].body()), (1, "--two words"));
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    let messages = world.server.messages_in(&room);
    assert!(messages.iter().all(|message| message.body() != "one"));
    let ids = transaction_ids(&world, &room);
    assert!(ids.len() == 3 && ids[0] != ids[1], "{ids:?}");
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
    bot.stop().await;
}

#[tokio::test]
async fn a_refused_row_is_dropped_beside_the_bot() {
    let (world, bot, room, question) = refused().await;
    let id = lines(&world, &[]).await[0]["row"].clone();
    let id = id.as_str().unwrap();

    let (code, dropped, said) = parked(&world, &["drop", "row:999", id]).await;

    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "room_router: row:999: it is not parked (any more); --parked lists what is\n"
        )
    );
    let keys = ["did", "row", "body"].map(|key| dropped[0][key].as_str().unwrap());
    assert_eq!((keys, dropped.len()), (["dropped", id, "one"], 1));
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
    for again in [
        &["retry", id][..],
        &["show", id],
        &["replace", id, "--text", "x"],
    ] {
        let (code, lines, said) = parked(&world, again).await;
        assert_eq!((code, lines.len()), (Some(1), 0), "{again:?}");
        assert!(said.contains("not parked (any more)"), "{said}");
    }
    assert_eq!(world.ask(&room, "!ping").await, "pong");
    let messages = world.server.messages_in(&room);
    assert!(
        messages.iter().all(|message| message.body() != "one"),
        "{question}"
    );
    bot.stop().await;
}

/// What is parked; nothing as long as the bot has not written it down.
async fn some_lines(world: &World) -> Option<Vec<Value>> {
    let lines = lines(world, &[]).await;
    (!lines.is_empty()).then_some(lines)
}

#[tokio::test]
async fn a_parked_event_is_handled_again_and_dropped() {
    let world = World::new().await;
    let room = world.room();
    world.configure(&[(&room, "active")], "");
    let mut bot = world.start().await;
    let question = world.alice_says(&room, "!fail");
    bot.says("event parked").await;
    let parked_id = |lines: &[Value]| {
        assert_eq!((lines.len(), &lines[0]["event"]), (1, &json!(question)));
        lines[0]["parked_event"].as_str().unwrap().to_owned()
    };
    let first = until("a parked event", async || some_lines(&world).await).await;
    assert_eq!(
        (&first[0]["code"], &first[0]["retryable"]),
        (&json!("handler"), &json!(true))
    );
    let id = parked_id(&first);
    let shown = lines(&world, &["show", &id]).await;
    assert_eq!(shown[0]["raw"]["content"]["body"], "!fail");

    // The engine that runs finds it by itself, handles it and gives it up once more.
    assert_eq!(lines(&world, &["retry", &id]).await[0]["did"], "retried");
    bot.says("event parked").await;
    bot.stop().await;
    let second = parked_id(&lines(&world, &[]).await);
    assert_ne!(second, id);
    let counts = lines(&world, &["counts"]).await;
    assert_eq!(
        (
            &counts[0]["parked"],
            &counts[0]["code"],
            &counts[0]["count"]
        ),
        (&json!("events"), &json!("handler"), &json!(1))
    );

    // Without one it is kept for the next.
    lines(&world, &["retry", &second]).await;
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
    let bot = world.start().await;
    let third = until("a parked event", async || some_lines(&world).await).await;
    let third = parked_id(&third);

    assert_eq!(lines(&world, &["drop", &third]).await[0]["did"], "dropped");
    assert_eq!(lines(&world, &[]).await, [] as [Value; 0]);
    assert_eq!(parked(&world, &["retry", &third]).await.0, Some(1));
    // It was handled three times and answered once.
    assert_eq!(world.answers_to(&room, &question).await.len(), 1);
    bot.stop().await;
}
