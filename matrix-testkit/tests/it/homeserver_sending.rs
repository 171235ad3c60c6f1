//! Messages, state and redactions, and the memory of transaction ids.

use std::time::Duration;

use matrix_bridge_testkit::homeserver::{HomeserverConfig, TestHomeserver};
use serde_json::json;

use crate::client::{Client, alice_in_a_room, somebody};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_known_transaction_id_answers_with_the_same_event() {
    let (server, alice, room) = alice_in_a_room();

    let first = alice.text(&room, "t1", "one").await;
    let second = alice.text(&room, "t1", "another body").await;

    assert_eq!(first.text("event_id"), second.text("event_id"));
    assert_eq!(server.bodies_in(&room), ["one"]);
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test]
async fn a_new_login_on_the_device_keeps_its_transaction_ids() {
    let (server, alice, room) = alice_in_a_room();
    alice.text(&room, "t1", "one").await;
    let device = alice.account.device_id.clone().unwrap();
    let later = Client::new(&server, server.log_in(alice.user(), &device));

    server.restart();
    later.text(&room, "t1", "one").await;

    assert_eq!(server.bodies_in(&room), ["one"]);
}

#[tokio::test]
async fn a_token_without_a_device_is_doubled_by_a_restart() {
    let (server, alice, room) = alice_in_a_room();
    let bare = Client::new(&server, server.log_in_without_device(alice.user()));

    bare.text(&room, "t1", "one").await;
    bare.text(&room, "t1", "one").await;
    assert_eq!(server.events_under("t1"), 1);
    server.restart();
    bare.text(&room, "t1", "one").await;

    assert_eq!(server.events_under("t1"), 2);
}

#[tokio::test]
async fn transaction_ids_are_remembered_for_a_day_with_a_device_and_an_hour_without() {
    let (server, alice, room) = alice_in_a_room();
    let bare = Client::new(&server, server.log_in_without_device(alice.user()));
    alice.text(&room, "device", "x").await;
    bare.text(&room, "bare", "x").await;

    server.advance(HOUR);
    bare.text(&room, "bare", "x").await;
    server.advance(22 * HOUR);
    alice.text(&room, "device", "x").await;
    assert_eq!(
        (server.events_under("device"), server.events_under("bare")),
        (1, 2)
    );
    server.advance(2 * HOUR);
    alice.text(&room, "device", "x").await;

    assert_eq!(server.events_under("device"), 2);
}

#[tokio::test]
async fn the_largest_text_has_64919_bytes() {
    let (_, alice, room) = alice_in_a_room();

    let fits = alice.text(&room, "t1", &"x".repeat(64_919)).await;
    let too_long = alice.text(&room, "t2", &"x".repeat(64_920)).await;
    let newlines = alice.text(&room, "t3", &"\n".repeat(32_460)).await;

    assert_eq!(fits.status, 200);
    assert_eq!(too_long.refusal(), (413, "M_TOO_LARGE"));
    assert_eq!(newlines.refusal(), (413, "M_TOO_LARGE"));
}

#[tokio::test]
async fn the_same_state_again_is_the_same_event() {
    let (server, alice, room) = alice_in_a_room();
    let path = format!("/rooms/{room}/state/m.room.topic");

    let first = alice
        .put(&path, json!({ "topic": "a" }))
        .await
        .text("event_id");
    let again = alice
        .put(&path, json!({ "topic": "a" }))
        .await
        .text("event_id");
    let other = alice
        .put(&path, json!({ "topic": "b" }))
        .await
        .text("event_id");
    let back = alice
        .put(&path, json!({ "topic": "a" }))
        .await
        .text("event_id");

    assert_eq!(first, again);
    assert!(first != other && first != back);
    let topic = server.look(|server| server.state_of(&room, "m.room.topic", ""));
    assert_eq!(topic, Some(json!({ "topic": "a" })));
}

#[tokio::test]
async fn a_redaction_empties_its_event_and_says_so() {
    let (server, alice, room) = alice_in_a_room();
    let event = server.send_text(&room, alice.user(), "secret");

    let path = format!("/rooms/{room}/redact/{event}/t1");
    let redaction = alice
        .put(&path, json!({ "reason": "why" }))
        .await
        .text("event_id");
    let seen = alice
        .get(&format!("/rooms/{room}/event/{event}"))
        .await
        .body;

    assert_eq!(seen["content"], json!({}));
    assert_eq!(
        seen["unsigned"]["redacted_because"]["event_id"],
        json!(redaction)
    );
    let last = server.timeline(&room).pop().unwrap();
    assert_eq!(last.content, json!({ "redacts": event, "reason": "why" }));
    assert_eq!(last.transaction_id.as_deref(), Some("t1"));
}

#[tokio::test]
async fn only_the_powerful_redact_what_others_said() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let (hers, his) = (
        server.send_text(&room, alice.user(), "a"),
        server.send_text(&room, bob.user(), "b"),
    );
    let path = |event: &str| format!("/rooms/{room}/redact/{event}/{event}");

    assert_eq!(
        bob.put(&path(&hers), json!({})).await.refusal(),
        (403, "M_FORBIDDEN")
    );
    assert_eq!(
        bob.put(&path("$no"), json!({})).await.refusal(),
        (404, "M_NOT_FOUND")
    );
    assert_eq!(alice.put(&path(&his), json!({})).await.status, 200);
}

#[tokio::test]
async fn the_same_requests_give_the_same_history() {
    let history = async || {
        let server = TestHomeserver::new();
        let alice = server.register("alice");
        let room = server.create_room(&alice.user_id);
        let alice = Client::new(&server, alice);
        alice.text(&room, "t1", "one").await;
        server
            .timeline(&room)
            .into_iter()
            .map(|event| event.event_id)
            .collect::<Vec<_>>()
    };

    assert_eq!(history().await, history().await);
}

#[tokio::test]
async fn a_server_that_forgets_transaction_ids_sends_twice() {
    let (server, alice, room) = alice_in_a_room();
    let forgetful = TestHomeserver::with_config(HomeserverConfig::default().forgets_transactions());
    let bob = Client::new(&forgetful, forgetful.register("bob"));
    let his_room = forgetful.create_room(bob.user());

    alice.text(&room, "t1", "x").await;
    alice.text(&room, "t1", "x").await;
    server.forget_transactions();
    alice.text(&room, "t1", "x").await;
    bob.text(&his_room, "t1", "x").await;
    bob.text(&his_room, "t1", "x").await;

    assert_eq!(server.events_under("t1"), 2);
    assert_eq!(forgetful.events_under("t1"), 2);
}
