//! `/sync`.

use std::time::Duration;

use matrix_bridge_testkit::homeserver::{HomeserverConfig, TestHomeserver};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, Got, alice_in_a_room, bodies, somebody, synced};

fn kinds(events: &Value) -> Vec<&str> {
    events
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["type"].as_str())
        .collect()
}

fn part<'a>(got: &'a Got, section: &str, room: &str) -> &'a Value {
    &got.body["rooms"][section][room]
}

#[tokio::test]
async fn a_first_sync_gives_the_rooms_with_the_state_before_the_timeline() {
    let (server, alice, room) = alice_in_a_room();
    for number in 0..12 {
        server.send_text(&room, alice.user(), &number.to_string());
    }

    let got = alice.sync(None).await;

    let part = part(&got, "join", &room);
    assert_eq!(
        synced(&got, &room),
        ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
    );
    assert_eq!(part["timeline"]["limited"], true);
    assert_eq!(kinds(&part["state"]["events"]).len(), 5);
}

#[tokio::test]
async fn a_sync_gives_what_came_since_the_last_one() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    server.send_text(&room, alice.user(), "new");

    let got = alice.sync(Some(&since)).await;
    let after = alice.sync(Some(&got.text("next_batch"))).await;
    let again = alice.sync(Some(&since)).await;

    assert_eq!(synced(&got, &room), ["new"]);
    assert_eq!(part(&got, "join", &room)["timeline"]["limited"], false);
    assert_eq!(part(&got, "join", &room)["state"]["events"], json!([]));
    assert_eq!(after.body["rooms"], Value::Null);
    assert_eq!(synced(&again, &room), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_event() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    let (poller, path) = (alice.clone(), format!("/sync?since={since}&timeout=30000"));
    let poll = tokio::spawn(async move { poller.get(&path).await });
    tokio::time::sleep(Duration::from_secs(7)).await;
    let sent_at = Instant::now();

    server.send_text(&room, alice.user(), "x");
    let got = poll.await.unwrap();

    assert_eq!(synced(&got, &room), ["x"]);
    assert_eq!(sent_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_without_news_ends_at_its_timeout() {
    let (_, alice, _) = alice_in_a_room();
    let since = alice.position().await;
    let start = Instant::now();

    let got = alice
        .get(&format!(
            "/sync?since={since}&timeout=30000&set_presence=offline"
        ))
        .await;

    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(got.text("next_batch"), since);
    assert_eq!(got.body["rooms"], Value::Null);
}

#[tokio::test]
async fn a_gap_brings_the_state_that_changed_in_it() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    server.set_state(
        &room,
        alice.user(),
        "m.room.name",
        "",
        json!({ "name": "a" }),
    );
    for number in 0..10 {
        server.send_text(&room, alice.user(), &number.to_string());
    }

    let got = alice.sync(Some(&since)).await;

    assert_eq!(
        kinds(&part(&got, "join", &room)["state"]["events"]),
        ["m.room.name"]
    );
}

#[tokio::test]
async fn an_invitation_shows_the_room_and_a_join_gives_it_whole() {
    let (server, alice, room) = alice_in_a_room();
    server.set_state(
        &room,
        alice.user(),
        "m.room.name",
        "",
        json!({ "name": "n" }),
    );
    let bob = Client::new(&server, server.register("bob"));
    let since = bob.position().await;

    server.invite(&room, alice.user(), bob.user());
    let invited = bob.sync(Some(&since)).await;
    server.join(&room, bob.user());
    let joined = bob.sync(Some(&invited.text("next_batch"))).await;

    let shown = kinds(&part(&invited, "invite", &room)["invite_state"]["events"]);
    assert_eq!(
        shown,
        [
            "m.room.create",
            "m.room.join_rules",
            "m.room.name",
            "m.room.member"
        ]
    );
    let timeline = &part(&joined, "join", &room)["timeline"];
    assert_eq!(timeline["events"].as_array().unwrap().len(), 8);
    assert_eq!(joined.body["rooms"]["invite"], Value::Null);
}

#[tokio::test]
async fn who_is_thrown_out_sees_it_and_nothing_after() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let since = bob.position().await;
    server.send_text(&room, alice.user(), "before");
    server.kick(&room, alice.user(), bob.user());
    server.send_text(&room, alice.user(), "after");

    let got = bob.sync(Some(&since)).await;
    let later = bob.sync(Some(&got.text("next_batch"))).await;
    let first = bob.get("/sync?timeout=1").await;

    let left = part(&got, "leave", &room);
    assert_eq!(bodies(&left["timeline"]["events"]), ["before"]);
    assert_eq!(
        kinds(&left["timeline"]["events"]),
        ["m.room.message", "m.room.member"]
    );
    assert_eq!(later.body["rooms"], Value::Null);
    assert_eq!(first.body["rooms"], Value::Null);
    let filter = r#"{"room":{"include_leave":true}}"#;
    let with_left = bob.get(&format!("/sync?filter={filter}")).await;
    assert_eq!(
        bodies(&part(&with_left, "leave", &room)["timeline"]["events"]),
        ["before"]
    );
}

#[tokio::test]
async fn a_filter_chooses_rooms_types_and_length() {
    let (server, alice, room) = alice_in_a_room();
    let other = server.create_room(alice.user());
    for number in 0..3 {
        server.send_text(&room, alice.user(), &number.to_string());
    }
    let filtered = async |filter: &str| alice.get(&format!("/sync?filter={filter}")).await;

    let short = filtered(r#"{"room":{"timeline":{"limit":1}}}"#).await;
    assert_eq!(synced(&short, &room), ["2"]);
    let typed = filtered(r#"{"room":{"timeline":{"types":["m.room.mess*"]}}}"#).await;
    assert_eq!(
        part(&typed, "join", &room)["timeline"]["events"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let silent = filtered(r#"{"room":{"timeline":{"not_types":["m.room.message"]}}}"#).await;
    assert!(synced(&silent, &room).is_empty());
    let stateless =
        filtered(r#"{"room":{"timeline":{"limit":1},"state":{"types":["m.room.create"]}}}"#).await;
    assert_eq!(
        kinds(&part(&stateless, "join", &room)["state"]["events"]),
        ["m.room.create"]
    );
    let one = filtered(&format!(r#"{{"room":{{"rooms":["{other}"]}}}}"#)).await;
    assert_eq!(part(&one, "join", &room), &Value::Null);
    let without = filtered(&format!(r#"{{"room":{{"not_rooms":["{other}"]}}}}"#)).await;
    assert_eq!(part(&without, "join", &other), &Value::Null);
    assert_eq!(filtered("{").await.refusal(), (400, "M_UNKNOWN"));
}

#[tokio::test]
async fn a_stored_filter_works_by_its_id() {
    let (server, alice, room) = alice_in_a_room();
    server.send_text(&room, alice.user(), "x");
    let filter = json!({ "room": { "timeline": { "types": ["m.room.message"] } } });
    let path = format!("/user/{}/filter", alice.user());

    let id = alice.post(&path, filter.clone()).await.text("filter_id");
    let same_id = alice.post(&path, filter.clone()).await.text("filter_id");
    let got = alice.get(&format!("/sync?filter={id}")).await;

    assert_eq!(id, same_id);
    assert_eq!(alice.get(&format!("{path}/{id}")).await.body, filter);
    let events = &part(&got, "join", &room)["timeline"]["events"];
    assert_eq!(kinds(events), ["m.room.message"]);
    assert_eq!(
        alice.get("/sync?filter=77").await.refusal(),
        (404, "M_NOT_FOUND")
    );
}

#[tokio::test]
async fn lazy_loading_gives_the_members_who_speak() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    somebody(&server, "carol", &room);
    server.send_text(&room, bob.user(), "x");
    let filter = r#"{"room":{"timeline":{"limit":1},"state":{"lazy_load_members":true}}}"#;

    let got = alice.get(&format!("/sync?filter={filter}")).await;

    let state = part(&got, "join", &room)["state"]["events"]
        .as_array()
        .unwrap();
    let members: Vec<_> = state
        .iter()
        .filter(|event| event["type"] == "m.room.member")
        .map(|event| event["state_key"].as_str().unwrap())
        .collect();
    assert_eq!(members, [alice.user(), bob.user()]);
}

#[tokio::test]
async fn full_state_is_given_at_once_on_demand() {
    let (_, alice, room) = alice_in_a_room();
    let since = alice.position().await;

    let path = format!("/sync?since={since}&full_state=true&timeout=30000");
    let got = alice.get(&path).await;

    assert_eq!(
        kinds(&part(&got, "join", &room)["state"]["events"]).len(),
        5
    );
    assert!(synced(&got, &room).is_empty());
}

#[tokio::test]
async fn injected_events_are_given_out_byte_by_byte() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    let deep = format!(
        r#"{{"event_id":"$deep","type":"m.room.message","content":{{"a":{}1{}}}}}"#,
        "[".repeat(120),
        "]".repeat(120)
    );
    let twice = r#"{"type":"a","type":"b","content":{"body":"\ud800\u0000"}}"#;

    assert_eq!(server.inject_raw(&room, deep.clone()), "$deep");
    server.inject_raw(&room, twice);
    let path = format!("/sync?since={since}");
    let got = alice.get(&path).await;

    // Too deep for a parser that recurses, which is the point.
    assert_eq!(got.body, Value::Null);
    let text = str::from_utf8(got.response.body()).unwrap();
    assert!(text.contains(&deep) && text.contains(twice));
    assert_eq!(server.timeline(&room).pop().unwrap().raw.unwrap(), twice);
}

#[tokio::test]
async fn an_injected_event_is_shown_and_not_believed() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;

    server.inject_raw(
        &room,
        r#"{"event_id":"$fake","type":"m.room.name","state_key":"","content":{"name":"fake"}}"#,
    );
    let got = alice.sync(Some(&since)).await;

    let events = &part(&got, "join", &room)["timeline"]["events"];
    assert_eq!(events[0]["content"]["name"], "fake");
    let name = server.look(|server| server.state_of(&room, "m.room.name", ""));
    assert_eq!(name, None);
}

#[tokio::test]
async fn a_server_may_have_another_code_for_a_bad_token() {
    let config = HomeserverConfig::default().bad_token_code("M_UNKNOWN_POS");
    let server = TestHomeserver::with_config(config);
    let alice = Client::new(&server, server.register("alice"));

    let got = alice.sync(Some("garbage")).await;

    assert_eq!(got.refusal(), (400, "M_UNKNOWN_POS"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_for_two_minutes_or_until_a_restart() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    let mut counts = Vec::new();

    for number in 0..3 {
        server.send_text(&room, alice.user(), "x");
        counts.push(synced(&alice.sync(Some(&since)).await, &room).len());
        server.send_text(&room, alice.user(), "x");
        counts.push(synced(&alice.sync(Some(&since)).await, &room).len());
        match number {
            0 => server.advance(Duration::from_secs(120)),
            _ => server.restart(),
        }
    }

    assert_eq!(counts, [1, 1, 3, 3, 5, 5]);
}
