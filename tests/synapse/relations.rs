//! R2: the relation of an answer, as another client library reads it.

use matrix_bridge_testkit::person::{Person, PersonError};
use serde_json::{Value, json};

use crate::said::{Said, answer, until_said};
use crate::world::{World, joined, room};

#[tokio::test]
async fn an_answer_is_a_true_reply_with_nothing_but_the_answer_in_it() {
    let world = World::shared("relation");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let router = world
        .setup(&bot)
        .active(std::slice::from_ref(&room))
        .start()
        .await;
    joined(&ann, &room, &bot.user_id).await;

    let root = ann.say(&room, "a topic").await.unwrap();
    let plain = ann.say(&room, "!ping").await.unwrap();
    let reply = ann.reply(&room, &root, "!ping").await.unwrap();
    let first = ann.thread(&room, &root, "!ping", None).await.unwrap();
    let second = ann
        .thread(&room, &root, "!ping", Some(&first))
        .await
        .unwrap();

    let replies = |question: &str| json!({ "m.in_reply_to": { "event_id": question } });
    let threaded = |question: &str| {
        json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": false,
            "m.in_reply_to": { "event_id": question },
        })
    };
    let expected = [
        (&plain, replies(&plain)),
        (&reply, replies(&reply)),
        (&first, threaded(&first)),
        (&second, threaded(&second)),
    ];
    for (question, relation) in expected {
        let seen = answer(&ann, &room, &bot.user_id, question).await;
        let marker = seen.source["content"][matrix_bridge::MARKER].as_str();
        assert_eq!(marker.map(str::len), Some(32), "{:?}", seen.source);
        let content = json!({
            "msgtype": "m.notice", "body": "pong", "m.mentions": {}, "m.relates_to": relation,
            matrix_bridge::MARKER: marker,
        });
        assert_eq!(seen.source["content"], content);
        assert_eq!(seen.class, "RoomMessageNotice");
    }
    assert!(router.stop().await.success());
}

/// A question with a relation that somebody wrote by hand.
struct Hostile {
    relation: Value,
    /// Whether the answer belongs into the thread of the root.
    is_in_thread: bool,
}

#[tokio::test]
async fn no_relation_that_a_person_can_send_moves_an_answer() {
    let world = World::shared("hostile");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let rooms = [
        room(&ann, &[&bot.user_id]).await,
        room(&ann, &[&bot.user_id]).await,
    ];
    let router = world.setup(&bot).active(&rooms).start().await;
    let [here, there] = &rooms;
    for room in &rooms {
        joined(&ann, room, &bot.user_id).await;
    }
    let topic = ann.say(here, "a topic").await.unwrap();
    let root = ann
        .reply(here, &topic, "a root that is a reply itself")
        .await
        .unwrap();
    let foreign = ann.say(there, "a topic elsewhere").await.unwrap();

    let mut expected = Vec::new();
    for Hostile {
        relation,
        is_in_thread,
    } in accepted(&root, &foreign)
    {
        let question = send(&ann, here, &relation).await;
        let question = question.unwrap_or_else(|error| panic!("{relation}: {error}"));
        expected.push(if is_in_thread {
            Said::threaded("pong", &question, &root)
        } else {
            Said::plain("pong", &question)
        });
    }
    for relation in refused(&root, &foreign) {
        let sent = send(&ann, here, &relation).await;
        assert!(
            matches!(sent, Err(PersonError::Refused { .. })),
            "{relation}: {sent:?}"
        );
    }
    let last = ann.say(there, "!ping").await.unwrap();

    assert_eq!(
        until_said(&ann, here, &bot.user_id, expected.len()).await,
        expected
    );
    let elsewhere = until_said(&ann, there, &bot.user_id, 1).await;
    assert_eq!(elsewhere, [Said::plain("pong", &last)]);
    assert!(router.stop().await.success());
}

async fn send(person: &Person, room: &str, relation: &Value) -> Result<String, PersonError> {
    let content = json!({ "msgtype": "m.text", "body": "!ping", "m.relates_to": relation });
    person.send(room, "m.room.message", &content).await
}

/// Relations that Synapse lets through.
fn accepted(root: &str, foreign: &str) -> Vec<Hostile> {
    let plain = |relation| Hostile {
        relation,
        is_in_thread: false,
    };
    let threaded = |relation| Hostile {
        relation,
        is_in_thread: true,
    };
    vec![
        plain(json!({ "m.in_reply_to": { "event_id": foreign } })),
        plain(json!({ "m.in_reply_to": { "event_id": "$nowhere" } })),
        plain(json!({ "m.in_reply_to": { "event_id": 7 } })),
        plain(json!({ "m.in_reply_to": foreign })),
        plain(json!({ "m.in_reply_to": { "event_id": "x".repeat(10_000) } })),
        plain(json!("m.thread")),
        plain(json!(["m.thread", foreign])),
        plain(json!(null)),
        plain(json!({ "rel_type": "m.thread" })),
        plain(json!({ "rel_type": ["m.thread"], "event_id": foreign })),
        plain(json!({ "rel_type": "m.thread", "event_id": { "event_id": foreign } })),
        plain(json!({ "rel_type": "m.thread ", "event_id": root })),
        plain(json!({ "rel_type": "m.reference", "event_id": root })),
        threaded(json!({ "rel_type": "m.thread", "event_id": root })),
        threaded(json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": "no" })),
        threaded(json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": true,
            "m.in_reply_to": { "event_id": foreign },
        })),
    ]
}

/// Relations that Synapse refuses, to people as to us.
fn refused(root: &str, foreign: &str) -> Vec<Value> {
    vec![
        json!({ "rel_type": "m.thread", "event_id": foreign }),
        json!({ "rel_type": "m.thread", "event_id": "$nowhere" }),
        json!({ "rel_type": "m.annotation", "event_id": foreign, "key": root }),
    ]
}
