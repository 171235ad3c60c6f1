//! The scripted faults of syncs.

use std::time::Duration;

use matrix_bridge_testkit::homeserver::{Fault, TestHomeserver};
use serde_json::json;

use crate::client::{Client, alice_in_a_room, synced};

fn send(server: &TestHomeserver, alice: &Client, room: &str, bodies: &[&str]) {
    for body in bodies {
        server.send_text(room, alice.user(), body);
    }
}

#[tokio::test]
async fn a_repeated_batch_gives_the_last_events_again() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    send(&server, &alice, &room, &["a", "b"]);
    let first = alice.sync(Some(&since)).await;
    let quiet = alice.sync(Some(&first.text("next_batch"))).await;

    server.fault(Fault::repeated_batch());
    send(&server, &alice, &room, &["c"]);
    let second = alice.sync(Some(&quiet.text("next_batch"))).await;
    let third = alice.sync(Some(&second.text("next_batch"))).await;

    assert_eq!(synced(&second, &room), ["a", "b", "c"]);
    assert!(synced(&third, &room).is_empty());
    let faults: Vec<_> = server
        .requests()
        .into_iter()
        .filter_map(|r| r.fault)
        .collect();
    assert_eq!(faults, ["repeated batch"]);
}

#[tokio::test]
async fn a_reversed_timeline_is_backwards_once() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    server.fault(Fault::reversed_timeline());

    let quiet = alice.sync(Some(&since)).await;
    send(&server, &alice, &room, &["a", "b", "c"]);
    let backwards = alice.sync(Some(&quiet.text("next_batch"))).await;
    send(&server, &alice, &room, &["d", "e"]);
    let forwards = alice.sync(Some(&backwards.text("next_batch"))).await;

    assert_eq!(synced(&backwards, &room), ["c", "b", "a"]);
    assert_eq!(synced(&forwards, &room), ["d", "e"]);
}

#[tokio::test]
async fn a_limited_timeline_leaves_a_gap_that_messages_fill() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    server.fault(Fault::limited_timeline(1));
    send(&server, &alice, &room, &["a", "b", "c"]);

    let got = alice.sync(Some(&since)).await;
    let timeline = &got.body["rooms"]["join"][&room]["timeline"];
    let from = timeline["prev_batch"].as_str().unwrap();
    let gap = alice
        .get(&format!(
            "/rooms/{room}/messages?dir=b&from={from}&to={since}"
        ))
        .await;

    assert_eq!(timeline["limited"], json!(true));
    assert_eq!(synced(&got, &room), ["c"]);
    assert_eq!(crate::client::bodies(&gap.body["chunk"]), ["b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_uses_up_a_fault_only_with_its_answer() {
    let (server, alice, room) = alice_in_a_room();
    let since = alice.position().await;
    server.fault(Fault::reversed_timeline());
    let (poller, path) = (alice.clone(), format!("/sync?since={since}&timeout=30000"));
    let poll = tokio::spawn(async move { poller.get(&path).await });
    tokio::time::sleep(Duration::from_secs(1)).await;

    // News that are not for this user wake the poll without an answer.
    let bob = server.register("bob");
    let elsewhere = server.create_room(&bob.user_id);
    server.send_text(&elsewhere, &bob.user_id, "x");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.faults_left(), 1);
    send(&server, &alice, &room, &["a"]);

    assert_eq!(synced(&poll.await.unwrap(), &room), ["a"]);
    assert_eq!(server.faults_left(), 0);
}
