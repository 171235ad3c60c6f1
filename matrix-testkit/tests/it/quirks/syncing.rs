//! `/sync` and its tokens.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::world::World;
use crate::client::{Client, bodies, synced};

/// Without presence, which ends a wait early.
const QUIET: &str = r#"{"presence":{"not_types":["*"]}}"#;

async fn say(who: &Client, room: &str, count: usize) {
    for number in 0..count {
        let body = number.to_string();
        assert_eq!(
            who.text(room, &format!("txn-{body}"), &body).await.status,
            200
        );
    }
}

async fn ann_in_a_room(world: &World) -> (Client, String) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    (ann, room)
}

pub(crate) async fn a_token_that_is_none_is_refused(world: &mut World) {
    let (ann, _room) = ann_in_a_room(world).await;
    let good = ann.position().await;
    let odd = [
        "",
        "garbage",
        "s",
        "s_",
        "x5",
        "s1_x",
        "s1_",
        "null",
        "s1_2_0_1_1_1_1_2_0_1_1_1_1_1_1",
    ];

    for since in odd {
        let got = ann.sync(Some(since)).await;
        assert_eq!(got.refusal(), (400, "M_UNKNOWN"), "{since:?}");
        assert_eq!(got.text("error"), "Invalid stream token");
    }
    // One of `/messages` is no `since`.
    assert_eq!(ann.sync(Some("t1-1")).await.refusal(), (500, "M_UNKNOWN"));
    for timeout in ["-1", "soon", "1.5", ""] {
        let got = ann
            .get(&format!("/sync?since={good}&timeout={timeout}"))
            .await;
        assert_eq!(got.refusal(), (400, "M_INVALID_PARAM"), "{timeout:?}");
    }
    let endless = format!("/sync?since={good}&timeout=99999999999999999999");
    assert_eq!(ann.get(&endless).await.status, 500);
}

pub(crate) async fn a_token_that_was_cut_replays(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    say(&ann, &room, 3).await;
    let now = ann.position().await;

    for cut in ["s1", "s0", "s-5", "s1_0", "s1_0_0"] {
        let got = ann.sync(Some(cut)).await;
        assert!(stream_position(&got.text("next_batch")) >= stream_position(&now));
        assert_eq!(synced(&got, &room), ["0", "1", "2"], "{cut}");
    }
    // The numbers after the first may be missing.
    let short = now.split('_').next().unwrap();
    let got = ann.sync(Some(short)).await;
    assert_eq!((got.status, synced(&got, &room).len()), (200, 0));
}

pub(crate) async fn a_token_from_the_future_gives_nothing_and_an_earlier_one(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let now = ann.position().await;
    let (number, rest) = now.split_once('_').unwrap_or((&now, ""));
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("_{rest}")
    };
    assert!(number.starts_with('s'));

    for future in [
        format!("s99999999{rest}"),
        format!("s{}{rest}", "9".repeat(30)),
    ] {
        let start = Instant::now();
        let query = format!("since={future}&timeout=1000&filter={QUIET}");
        let got = ann.get(&format!("/sync?{query}")).await;
        assert!(start.elapsed() >= Duration::from_secs(1));
        assert_eq!((got.status, &got.body["rooms"]), (200, &Value::Null));
        let handed_back = stream_position(&got.text("next_batch"));
        // Others may have written meanwhile.
        assert!((stream_position(&now)..stream_position(&now) + 10_000).contains(&handed_back));
    }
    say(&ann, &room, 1).await;
    let missed = ann.sync(Some("s99999999")).await;
    assert_eq!(synced(&missed, &room).len(), 0);
}

pub(crate) async fn a_token_of_somebody_else_is_good(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bob = world.user("bob").await;
    let since = bob.position().await;
    say(&ann, &room, 2).await;

    let got = ann.sync(Some(&since)).await;

    assert_eq!(
        (got.status, synced(&got, &room)),
        (200, vec!["0".into(), "1".into()])
    );
}

pub(crate) async fn the_same_question_gets_the_same_answer_for_two_minutes(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let since = ann.position().await;
    say(&ann, &room, 1).await;
    let first = ann.sync(Some(&since)).await;
    ann.text(&room, "late", "late").await;

    let again = ann.sync(Some(&since)).await;
    let otherwise = ann.get(&format!("/sync?timeout=1&since={since}")).await;
    let onwards = ann.sync(Some(&first.text("next_batch"))).await;

    assert_eq!(synced(&again, &room), ["0"]);
    assert_eq!(again.text("next_batch"), first.text("next_batch"));
    assert_eq!(synced(&otherwise, &room), ["0", "late"]);
    assert_eq!(synced(&onwards, &room), ["late"]);
    // An answer that goes nowhere is not kept. While others write, one without news goes on all the same.
    let mut now = onwards.text("next_batch");
    let question = loop {
        let question = format!("/sync?timeout=20&since={now}");
        let quiet = ann.get(&question).await;
        assert_eq!(synced(&quiet, &room).len(), 0);
        let then = quiet.text("next_batch");
        if then == now {
            break question;
        }
        now = then;
    };
    ann.text(&room, "later", "later").await;
    assert_eq!(synced(&ann.get(&question).await, &room), ["later"]);
}

pub(crate) async fn a_timeline_has_at_most_100_events(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let since = ann.position().await;
    say(&ann, &room, 102).await;

    let filter = json!({ "room": { "timeline": { "limit": 1000 } } });
    let got = ann
        .get(&format!("/sync?since={since}&filter={filter}"))
        .await;
    let path = format!("/user/{}/filter", ann.user());
    let stored = ann.post(&path, filter).await.text("filter_id");
    let by_id = ann
        .get(&format!("/sync?since={since}&filter={stored}"))
        .await;

    for got in [got, by_id] {
        assert_eq!(synced(&got, &room).len(), 100);
        assert_eq!(got.joined(&room)["timeline"]["limited"], true);
    }
    let told = ann.get(&format!("{path}/{stored}")).await;
    assert_eq!(told.body["room"]["timeline"]["limit"], 100);
}

pub(crate) async fn a_timeline_is_limited_by_the_eleventh_event(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let since = ann.position().await;

    say(&ann, &room, 10).await;
    let ten = ann.sync(Some(&since)).await;
    ann.text(&room, "more", "more").await;
    let eleven = ann.get(&format!("/sync?timeout=1&since={since}")).await;

    assert_eq!(synced(&ten, &room).len(), 10);
    assert_eq!(ten.joined(&room)["timeline"]["limited"], false);
    assert_eq!(synced(&eleven, &room).len(), 10);
    assert_eq!(eleven.joined(&room)["timeline"]["limited"], true);
    // A limit of nothing still gives one.
    let filter = r#"{"room":{"timeline":{"limit":0}}}"#;
    let one = ann
        .get(&format!("/sync?since={since}&filter={filter}"))
        .await;
    assert_eq!(synced(&one, &room), ["more"]);
}

pub(crate) async fn a_first_sync_with_a_limit_of_1(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    say(&ann, &room, 3).await;

    let filter = r#"{"room":{"timeline":{"limit":1}}}"#;
    let got = ann.get(&format!("/sync?filter={filter}")).await;
    let part = got.joined(&room);
    let from = part["timeline"]["prev_batch"].as_str().unwrap();
    let before = ann
        .get(&format!("/rooms/{room}/messages?dir=b&limit=1&from={from}"))
        .await;

    assert_eq!(bodies(&part["timeline"]["events"]), ["2"]);
    assert_eq!(part["timeline"]["limited"], true);
    assert_eq!(bodies(&before.body["chunk"]), ["1"]);
    let state = part["state"]["events"].as_array().unwrap();
    assert!(state.iter().any(|event| event["type"] == "m.room.create"));
}

pub(crate) async fn a_room_that_was_joined_is_limited_and_has_its_past(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bob = world.user("bob").await;
    say(&ann, &room, 2).await;
    let since = bob.position().await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    ann.text(&room, "welcome", "welcome").await;

    let got = bob.sync(Some(&since)).await;
    let timeline = &got.joined(&room)["timeline"];
    let from = timeline["prev_batch"].as_str().unwrap();
    let before = bob
        .get(&format!("/rooms/{room}/messages?dir=b&limit=2&from={from}"))
        .await;

    assert_eq!(timeline["limited"], true);
    assert_eq!(synced(&got, &room), ["0", "1", "welcome"]);
    // The walk back begins before what is new, and repeats what was shown of the past.
    assert_eq!(bodies(&before.body["chunk"]), ["1", "0"]);
}

pub(crate) async fn a_server_restored_from_a_backup_gives_its_places_out_again(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    say(&ann, &room, 1).await;
    world.back_up().await;
    for number in 0..3 {
        let name = format!("lost{number}");
        assert_eq!(ann.text(&room, &name, &name).await.status, 200);
    }
    let future = ann.position().await;

    world.roll_back().await;
    let history = ann
        .get(&format!("/rooms/{room}/messages?dir=b&limit=3"))
        .await;
    assert_eq!(bodies(&history.body["chunk"]), ["0"]);
    // The transaction id is forgotten with its event.
    for number in 0..2 {
        let name = format!("lost{number}");
        assert_eq!(
            ann.text(&room, &name, &format!("new{number}")).await.status,
            200
        );
    }
    let back = ann.sync(Some(&future)).await;
    ann.text(&room, "new2", "new2").await;
    let onwards = ann.sync(Some(&back.text("next_batch"))).await;

    // What came before the first sync is never told.
    assert_eq!((back.status, synced(&back, &room).len()), (200, 0));
    assert!(stream_position(&back.text("next_batch")) < stream_position(&future));
    assert_eq!(synced(&onwards, &room), ["new2"]);
}

/// The first number of a token.
fn stream_position(token: &str) -> u64 {
    let room = token.split('_').next().unwrap_or_default();
    room.trim_start_matches('s').parse().unwrap()
}
