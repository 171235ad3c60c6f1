//! The limits of a Synapse without settings.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::world::World;
use crate::client::{Client, Got};

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// Writes until the server refuses; gives the number of writes done and the refusal.
async fn exhaust(who: &Client, room: &str) -> (usize, Got) {
    for number in 0..20 {
        let got = who.text(room, &format!("exhaust{number}"), "x").await;
        if got.status == 429 {
            return (number, got);
        }
        assert_eq!(got.status, 200, "{:?}", got.body);
    }
    panic!("20 writes and no refusal")
}

/// What the refusal asks to wait, in milliseconds, having checked its form.
fn wait_of(got: &Got) -> u64 {
    assert_eq!(got.refusal(), (429, "M_LIMIT_EXCEEDED"));
    let wait = got.body["retry_after_ms"].as_u64().unwrap();
    let header = got.response.headers()["retry-after"].to_str().unwrap();
    assert_eq!(header, wait.div_ceil(1000).to_string());
    wait
}

pub(crate) async fn all_writes_of_a_user_share_one_bucket(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;

    let (writes, first) = exhaust(&ann, &room).await;
    let start = Instant::now();
    let second = ann.text(&room, "second", "x").await;
    let took = start.elapsed();
    let topic = format!("/rooms/{room}/state/m.room.topic");
    let refused = [
        ann.put(&topic, json!({ "topic": "x" })).await,
        ann.put(&format!("/rooms/{room}/redact/$x/t"), json!({}))
            .await,
        ann.post("/createRoom", json!({})).await,
    ];

    // The room is the first of ten writes; each that takes long lets one more through.
    assert!((9..13).contains(&writes), "{writes}");
    assert!(took >= HALF_A_SECOND, "{took:?}");
    // Hammering does not lengthen the wait: it goes down with time.
    let waits = [wait_of(&first), wait_of(&second)];
    assert!(waits[0] <= 5000 && waits[1] < waits[0], "{waits:?}");
    for got in &refused {
        assert!(wait_of(got) < waits[1]);
    }
}

pub(crate) async fn what_is_known_or_small_is_answered_while_limited(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    let sent = ann.text(&room, "known", "x").await.text("event_id");
    exhaust(&ann, &room).await;

    let known = ann.text(&room, "known", "x").await;
    let typing = format!("/rooms/{room}/typing/{}", ann.user());
    let receipt = format!("/rooms/{room}/receipt/m.read/{sent}");
    let small = [
        ann.put(&typing, json!({ "typing": true, "timeout": 1000 }))
            .await,
        ann.post(&receipt, json!({})).await,
        ann.sync(None).await,
    ];
    let still = ann.text(&room, "unknown", "x").await;

    assert_eq!((known.status, known.text("event_id")), (200, sent));
    assert!(small.iter().all(|got| got.status == 200), "{small:?}");
    wait_of(&still);
}

pub(crate) async fn a_refused_write_uses_nothing_up(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;

    for number in 0..12 {
        let path = format!("/rooms/{room}/send/m.room.message/bad{number}");
        let refused = ann.put(&path, json!({ "body": "no type" })).await;
        assert_eq!(refused.refusal(), (400, "M_UNKNOWN"));
    }

    let (writes, _) = exhaust(&ann, &room).await;
    assert!(writes >= 9, "{writes}");
}

pub(crate) async fn the_wait_that_is_told_is_enough(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    let (_, refused) = exhaust(&ann, &room).await;

    tokio::time::sleep(Duration::from_millis(wait_of(&refused))).await;

    let sent = ann.text(&room, "after-the-wait", "x").await;
    assert_eq!(sent.status, 200);
}

pub(crate) async fn the_sixth_place_for_media_waits_a_day_and_text_goes_on(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    let place = async || ann.post("/_matrix/media/v1/create", json!({})).await;
    for _ in 0..5 {
        assert_eq!(place().await.status, 200);
    }

    let sixth = place().await;

    let day = 24 * 3600 * 1000;
    assert!((day - 60_000..=day).contains(&wait_of(&sixth)));
    assert_eq!(ann.text(&room, "text", "x").await.status, 200);
}

pub(crate) async fn the_sixth_invite_of_a_user_waits_for_minutes(world: &mut World) {
    let bob = world.user("bob").await;
    let target = json!({ "user_id": bob.user() });
    let mut all = Vec::new();
    for name in ["1", "2", "3", "4", "5", "6"] {
        let who = world.user(name).await;
        let room = who.room(&json!({})).await;
        all.push(
            who.post(&format!("/rooms/{room}/invite"), target.clone())
                .await,
        );
    }

    let statuses: Vec<_> = all.iter().map(|got| got.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    // Nearly 1 / 0.003 seconds.
    assert!((200_000..=333_334).contains(&wait_of(&all[5])));
}
