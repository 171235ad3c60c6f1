//! The bucket of writes.

use std::time::Duration;

use matrix_bridge_testkit::homeserver::{HomeserverConfig, LimitClass, RateLimit, TestHomeserver};
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Client, alice_in_a_room, somebody};

#[tokio::test(start_paused = true)]
async fn messages_state_redactions_and_rooms_share_one_bucket() {
    let (server, alice, room) = alice_in_a_room();
    let event = server.send_text(&room, alice.user(), "x");
    server.set_rate_limit(Some(RateLimit::new(4, 0.2)));

    alice.text(&room, "t1", "x").await;
    alice
        .put(
            &format!("/rooms/{room}/state/m.room.topic"),
            json!({ "topic": "t" }),
        )
        .await;
    alice
        .put(&format!("/rooms/{room}/redact/{event}/t2"), json!({}))
        .await;
    alice.post("/createRoom", json!({})).await;
    let refused = alice.text(&room, "t3", "x").await;

    assert_eq!(refused.refusal(), (429, "M_LIMIT_EXCEEDED"));
    assert_eq!(refused.body["retry_after_ms"], 5000);
    assert_eq!(refused.response.headers()["retry-after"], "5");
    assert_eq!(server.events_under("t3"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_bucket_refills_and_hammering_does_not_lengthen_the_wait() {
    let (server, alice, room) = alice_in_a_room();
    server.set_rate_limit(Some(RateLimit::new(1, 0.2)));

    alice.text(&room, "t1", "x").await;
    for _ in 0..3 {
        assert_eq!(alice.text(&room, "t2", "x").await.status, 429);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;

    assert_eq!(alice.text(&room, "t2", "x").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_takes_its_time_and_the_header_is_rounded_up() {
    let (server, alice, room) = alice_in_a_room();
    server.set_rate_limit(Some(RateLimit::synapse_default()));
    for number in 0..10 {
        alice.text(&room, &number.to_string(), "x").await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();

    let refused = alice.text(&room, "t", "x").await;

    assert_eq!(start.elapsed(), Duration::from_millis(500));
    assert_eq!(refused.body["retry_after_ms"], 4700);
    assert_eq!(refused.response.headers()["retry-after"], "5");
}

#[tokio::test(start_paused = true)]
async fn each_user_has_a_bucket_and_some_have_none() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    server.set_rate_limit(Some(RateLimit::new(1, 0.2)));
    server.exempt_from_limits(bob.user());

    assert_eq!(alice.text(&room, "t1", "x").await.status, 200);
    assert_eq!(alice.text(&room, "t2", "x").await.status, 429);
    for number in 0..5 {
        assert_eq!(bob.text(&room, &number.to_string(), "x").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn joins_rooms_and_logins_have_buckets_of_their_own() {
    let config = HomeserverConfig::default()
        .limit(LimitClass::Joins, RateLimit::new(1, 0.1))
        .limit(LimitClass::RoomCreations, RateLimit::new(1, 0.05))
        .limit(LimitClass::Logins, RateLimit::new(1, 0.01));
    let server = TestHomeserver::with_config(config);
    let alice = Client::new(&server, server.register("alice"));
    let bob = server.register("bob");
    let rooms = [(); 2].map(|()| server.create_room(&bob.user_id));
    let login = json!({ "type": "m.login.password", "user": "alice", "password": "alice" });

    let mut waits = Vec::new();
    for room in &rooms {
        for (path, body) in [
            (format!("/join/{room}"), json!({})),
            ("/createRoom".to_owned(), json!({})),
            ("/login".to_owned(), login.clone()),
        ] {
            let got = alice.post(&path, body).await;
            waits.push((got.status, got.body["retry_after_ms"].as_u64()));
        }
    }

    let refused = [10_000, 20_000, 100_000].map(|wait| (429, Some(wait)));
    assert_eq!(waits[..3], [(200, None); 3]);
    assert_eq!(waits[3..], refused);
}
