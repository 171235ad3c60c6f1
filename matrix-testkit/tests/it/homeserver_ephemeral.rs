//! Receipts, typing, presence and to-device messages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Got, alice_in_a_room, somebody};

fn ephemeral<'a>(got: &'a Got, room: &str) -> &'a Value {
    &got.body["rooms"]["join"][room]["ephemeral"]["events"]
}

#[tokio::test]
async fn a_receipt_is_seen_by_the_others() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let event = server.send_text(&room, alice.user(), "x");
    let since = alice.position().await;

    let path = format!("/rooms/{room}/receipt/m.read/{event}");
    assert_eq!(bob.post(&path, json!({})).await.status, 200);
    let got = alice.sync(Some(&since)).await;

    let receipts = &ephemeral(&got, &room)[0];
    assert_eq!(receipts["type"], "m.receipt");
    assert!(receipts["content"][&event]["m.read"][bob.user()]["ts"].is_u64());
    let at = server.look(|server| server.receipt_of(&room, bob.user(), "m.read"));
    assert_eq!(at, Some(event));
}

#[tokio::test]
async fn a_private_receipt_is_seen_by_oneself() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let event = server.send_text(&room, alice.user(), "x");
    let since = alice.position().await;

    let markers = json!({ "m.fully_read": event, "m.read.private": event });
    bob.post(&format!("/rooms/{room}/read_markers"), markers)
        .await;
    let (hers, his) = (alice.sync(Some(&since)).await, bob.sync(Some(&since)).await);

    assert_eq!(hers.body["rooms"], Value::Null);
    assert!(ephemeral(&his, &room)[0]["content"][&event]["m.read.private"].is_object());
    let data = &his.body["rooms"]["join"][&room]["account_data"]["events"][0];
    assert_eq!(data["type"], "m.fully_read");
    let odd = bob
        .post(&format!("/rooms/{room}/receipt/odd/{event}"), json!({}))
        .await;
    assert_eq!(odd.refusal(), (400, "M_INVALID_PARAM"));
}

#[tokio::test(start_paused = true)]
async fn typing_begins_ends_and_runs_out() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let path = format!("/rooms/{room}/typing/{}", bob.user());
    let since = alice.position().await;

    bob.put(&path, json!({ "typing": true, "timeout": 5000 }))
        .await;
    let typing = alice.sync(Some(&since)).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    let over = alice.sync(Some(&typing.text("next_batch"))).await;

    assert_eq!(
        ephemeral(&typing, &room)[0]["content"]["user_ids"],
        json!([bob.user()])
    );
    assert_eq!(ephemeral(&over, &room)[0]["content"]["user_ids"], json!([]));
    let foreign = alice.put(&path, json!({ "typing": true })).await;
    assert_eq!(foreign.refusal(), (403, "M_FORBIDDEN"));
}

#[tokio::test]
async fn a_filter_keeps_ephemeral_events_out() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let since = alice.position().await;
    bob.put(
        &format!("/rooms/{room}/typing/{}", bob.user()),
        json!({ "typing": true }),
    )
    .await;

    let filter = r#"{"room":{"ephemeral":{"types":[]}}}"#;
    let got = alice
        .get(&format!("/sync?since={since}&filter={filter}"))
        .await;

    assert_eq!(got.body["rooms"], Value::Null);
}

#[tokio::test]
async fn presence_is_taken_and_shown_to_nobody() {
    let (_, alice, _) = alice_in_a_room();
    let since = alice.position().await;

    let path = format!("/presence/{}/status", alice.user());
    let put = alice.put(&path, json!({ "presence": "online" })).await;

    assert_eq!(put.status, 200);
    assert_eq!(alice.position().await, since);
}

#[tokio::test]
async fn to_device_messages_arrive_even_hostile_ones() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let since = bob.position().await;
    let hostile = r#"{"type":"x","content":{"n":1e999}}"#;

    let messages = json!({ "messages": { bob.user(): { "*": { "a": 1 } } } });
    alice.put("/sendToDevice/m.test/t1", messages).await;
    let sent = bob.sync(Some(&since)).await;
    server.inject_to_device(bob.user(), hostile);
    let injected = bob.sync(Some(&sent.text("next_batch"))).await;

    let event = json!({ "type": "m.test", "sender": alice.user(), "content": { "a": 1 } });
    assert_eq!(sent.body["to_device"]["events"], json!([event]));
    let text = str::from_utf8(injected.response.body()).unwrap();
    assert!(text.contains(hostile) && !text.contains("m.test"));
}
