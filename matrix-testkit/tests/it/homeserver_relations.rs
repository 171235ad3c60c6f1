//! What the server checks of relations.

use serde_json::{Value, json};

use crate::client::{Client, Got, alice_in_a_room, somebody};

async fn send(client: &Client, room: &str, txn: &str, relation: Value) -> Got {
    let content = json!({ "msgtype": "m.text", "body": txn, "m.relates_to": relation });
    client
        .put(&format!("/rooms/{room}/send/m.room.message/{txn}"), content)
        .await
}

#[tokio::test]
async fn a_relation_to_an_event_the_room_does_not_have_is_refused() {
    let (server, alice, room) = alice_in_a_room();
    let elsewhere = server.create_room(alice.user());
    let foreign = server.send_text(&elsewhere, alice.user(), "x");

    for (number, target) in ["$unknown", &*foreign].into_iter().enumerate() {
        let relation = json!({ "rel_type": "m.thread", "event_id": target });
        let got = send(&alice, &room, &format!("t{number}"), relation).await;
        assert_eq!(got.refusal(), (400, "M_UNKNOWN"));
    }
}

#[tokio::test]
async fn a_thread_cannot_start_from_an_event_with_a_relation() {
    let (server, alice, room) = alice_in_a_room();
    let root = server.send_text(&room, alice.user(), "root");
    let inner = server.send_in_thread(&room, alice.user(), &root, "inner");

    let relation = json!({ "rel_type": "m.thread", "event_id": inner });
    let got = send(&alice, &room, "t1", relation).await;

    assert_eq!(got.refusal(), (400, "M_UNKNOWN"));
    assert_eq!(
        got.text("error"),
        "Cannot start threads from an event with a relation"
    );
}

#[tokio::test]
async fn a_plain_reply_may_name_any_event() {
    let (_, alice, room) = alice_in_a_room();

    let relation = json!({ "m.in_reply_to": { "event_id": "$unknown" } });

    assert_eq!(send(&alice, &room, "t1", relation).await.status, 200);
}

#[tokio::test]
async fn a_reaction_is_a_duplicate_until_it_is_redacted() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let event = server.send_text(&room, alice.user(), "x");
    let react = async |client: &Client, txn: &str, key: &str| {
        let relation = json!({ "rel_type": "m.annotation", "event_id": event, "key": key });
        let path = format!("/rooms/{room}/send/m.reaction/{txn}");
        client.put(&path, json!({ "m.relates_to": relation })).await
    };

    let first = react(&alice, "t1", "+1").await.text("event_id");
    assert_eq!(
        react(&alice, "t2", "+1").await.refusal(),
        (400, "M_DUPLICATE_ANNOTATION")
    );
    assert_eq!(react(&alice, "t3", "-1").await.status, 200);
    assert_eq!(react(&bob, "t4", "+1").await.status, 200);
    server.redact(&room, alice.user(), &first);

    assert_eq!(react(&alice, "t5", "+1").await.status, 200);
}
