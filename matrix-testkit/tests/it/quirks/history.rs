//! `/messages`.

use serde_json::{Value, json};

use super::world::World;
use crate::client::{Client, Got, bodies, synced};

async fn page(who: &Client, room: &str, query: &str) -> Got {
    who.get(&format!("/rooms/{room}/messages?{query}")).await
}

/// The bodies of messages, and the types of all else.
fn shown(events: &Value) -> Vec<&str> {
    let events = events.as_array().into_iter().flatten();
    events
        .filter_map(|event| event["content"]["body"].as_str().or(event["type"].as_str()))
        .collect()
}

async fn say(who: &Client, room: &str, bodies: &[&str]) {
    for body in bodies {
        who.text(room, &format!("txn-{body}"), body)
            .await
            .text("event_id");
    }
}

pub(crate) async fn only_the_page_after_the_last_event_has_no_end(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["a", "b"]).await;

    let back = page(&ann, &room, "dir=b&limit=100").await;
    let beyond = page(&ann, &room, &format!("dir=b&from={}", back.text("end"))).await;
    let forth = page(&ann, &room, "dir=f&limit=100").await;
    let at_the_end = format!("dir=f&from={}", forth.text("end"));
    let nothing_yet = page(&ann, &room, &at_the_end).await;
    say(&ann, &room, &["c"]).await;
    let news = page(&ann, &room, &at_the_end).await;

    let all = shown(&back.body["chunk"]);
    assert_eq!(
        (all.first(), all.last()),
        (Some(&"b"), Some(&"m.room.create"))
    );
    assert_ne!(back.body["end"], Value::Null);
    for empty in [&beyond, &nothing_yet] {
        assert_eq!((empty.status, &empty.body["chunk"]), (200, &json!([])));
        assert_eq!(empty.body.get("end"), None);
    }
    assert_eq!(bodies(&news.body["chunk"]), ["c"]);
    assert_ne!(news.body["end"], Value::Null);
}

pub(crate) async fn a_walk_from_nothing_goes_forth_unless_told_otherwise(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["a", "b"]).await;

    let back = page(&ann, &room, "dir=b&limit=1").await;
    let forth = page(&ann, &room, "dir=f&limit=1").await;
    let untold = page(&ann, &room, "limit=1").await;
    let neither = page(&ann, &room, "dir=up&limit=1").await;

    assert_eq!(shown(&back.body["chunk"]), ["b"]);
    assert_eq!(shown(&forth.body["chunk"]), ["m.room.create"]);
    assert_eq!(shown(&untold.body["chunk"]), ["m.room.create"]);
    assert_eq!(neither.refusal(), (400, "M_INVALID_PARAM"));
}

pub(crate) async fn a_gap_is_filled_with_each_event_once(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["known"]).await;
    let since = ann.position().await;
    let names: Vec<_> = (0..25).map(|number| number.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    say(&ann, &room, &names).await;

    let cut = ann.sync(Some(&since)).await;
    let timeline = cut.joined(&room)["timeline"].clone();
    let mut from = timeline["prev_batch"].as_str().unwrap().to_owned();
    let mut pages = Vec::new();
    while !from.is_empty() {
        let next = page(&ann, &room, &format!("dir=b&from={from}&to={since}")).await;
        pages.push(bodies(&next.body["chunk"]));
        from = next.text("end");
    }

    assert_eq!(timeline["limited"], true);
    assert_eq!(synced(&cut, &room), names[15..]);
    // The last page is empty: only so the end is told.
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 5, 0]);
    let mut filled = pages.concat();
    filled.reverse();
    assert_eq!(filled, names[..15]);
    let to = cut.text("next_batch");
    let forth = page(
        &ann,
        &room,
        &format!("dir=f&from={since}&to={to}&limit=100"),
    )
    .await;
    assert_eq!(bodies(&forth.body["chunk"]), names);
}

pub(crate) async fn the_walk_back_from_a_first_sync_that_is_not_cut_gives_its_events_again(
    world: &mut World,
) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["a", "b"]).await;

    let filter = r#"{"room":{"timeline":{"limit":50}}}"#;
    let first = ann.get(&format!("/sync?filter={filter}")).await;
    let timeline = &first.joined(&room)["timeline"];
    let from = timeline["prev_batch"].as_str().unwrap();
    let walked = page(&ann, &room, &format!("dir=b&from={from}&limit=100")).await;

    assert_eq!(timeline["limited"], false);
    let mut again = shown(&walked.body["chunk"]);
    again.reverse();
    assert_eq!(again, shown(&timeline["events"]));
    assert_eq!(from, first.text("next_batch"));
}

pub(crate) async fn odd_limits_and_places_of_a_walk(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["a"]).await;

    let none = page(&ann, &room, "dir=b&limit=0").await;
    assert_eq!((none.status, &none.body["chunk"]), (200, &json!([])));
    assert_ne!(none.body["end"], Value::Null);
    assert_eq!(page(&ann, &room, "dir=b&limit=100000").await.status, 200);
    for limit in ["-1", "x", ""] {
        let got = page(&ann, &room, &format!("dir=b&limit={limit}")).await;
        assert_eq!(got.refusal(), (400, "M_INVALID_PARAM"), "{limit:?}");
    }
    for (name, query) in [("from", "from=x"), ("to", "from=s1&to=x")] {
        let got = page(&ann, &room, &format!("dir=b&{query}")).await;
        assert_eq!(got.refusal(), (400, "M_UNKNOWN"));
        assert_eq!(got.text("error"), format!("'{name}' parameter is invalid"));
    }
    let future = page(&ann, &room, "dir=b&limit=1&from=s99999999").await;
    assert_eq!(shown(&future.body["chunk"]), ["a"]);
    let future = page(&ann, &room, "dir=f&limit=1&from=s99999999").await;
    assert_eq!(future.body["chunk"], json!([]));
}

pub(crate) async fn only_the_sending_device_is_told_the_transaction_id(world: &mut World) {
    let ann = world.user("ann").await;
    let other = world.log_in("ann", "OTHER").await;
    let bob = world.user("bob").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    let sent = ann.text(&room, "mine", "a").await.text("event_id");

    let mut told = Vec::new();
    for who in [&ann, &other, &bob] {
        let walked = page(who, &room, "dir=b&limit=1").await;
        let event = walked.body["chunk"][0].clone();
        assert_eq!(event["event_id"], sent);
        let synced = who.sync(None).await;
        let events = synced.joined(&room)["timeline"]["events"].clone();
        let last = events.as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["event_id"], sent);
        let id = |event: &Value| event["unsigned"]["transaction_id"].clone();
        assert_eq!(id(&event), id(&last));
        told.push(id(&event));
    }
    assert_eq!(told, [json!("mine"), Value::Null, Value::Null]);
    let again = world
        .log_in("ann", ann.account.device_id.as_deref().unwrap())
        .await;
    let walked = page(&again, &room, "dir=b&limit=1").await;
    assert_eq!(
        walked.body["chunk"][0]["unsigned"]["transaction_id"],
        "mine"
    );
}

pub(crate) async fn hidden_history_leaves_empty_pages_with_an_end(world: &mut World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let joined = json!({ "type": "m.room.history_visibility", "content": { "history_visibility": "joined" } });
    let body = json!({ "preset": "public_chat", "initial_state": [joined] });
    let room = ann.room(&body).await;
    say(&ann, &room, &["1", "2", "3", "4", "5", "6"]).await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    say(&ann, &room, &["after"]).await;

    let first = page(&bob, &room, "dir=b&limit=2").await;
    let second = page(
        &bob,
        &room,
        &format!("dir=b&limit=2&from={}", first.text("end")),
    )
    .await;
    let all = page(&bob, &room, "dir=b&limit=100").await;

    assert_eq!(shown(&first.body["chunk"]), ["after", "m.room.member"]);
    assert_eq!(second.body["chunk"], json!([]));
    assert_ne!(second.body["end"], Value::Null);
    assert_eq!(bodies(&all.body["chunk"]), ["after"]);
    // The setting counts from its own event on; what was before it is open.
    assert_eq!(shown(&all.body["chunk"]).last(), Some(&"m.room.create"));
    let hidden = page(&ann, &room, "dir=b&limit=3").await.body["chunk"][2]["event_id"].clone();
    let hidden = hidden.as_str().unwrap();
    let event = bob.get(&format!("/rooms/{room}/event/{hidden}")).await;
    assert_eq!(event.refusal(), (404, "M_NOT_FOUND"));
}

pub(crate) async fn purged_history_is_gone_from_walks_and_syncs(world: &mut World) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    let since = ann.position().await;
    say(&ann, &room, &["gone", "kept", "last"]).await;
    let all = page(&ann, &room, "dir=b&limit=3").await;
    let id = |at: usize| {
        all.body["chunk"][at]["event_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (gone, kept) = (id(2), id(1));

    world.purge_history(&ann, &room, &kept).await;

    let back = page(&ann, &room, "dir=b&limit=100").await;
    assert_eq!(shown(&back.body["chunk"]), ["last", "kept"]);
    let beyond = page(&ann, &room, &format!("dir=b&from={}", back.text("end"))).await;
    assert_eq!(
        (&beyond.body["chunk"], beyond.body.get("end")),
        (&json!([]), None)
    );
    let synced = ann.sync(Some(&since)).await;
    let timeline = &synced.joined(&room)["timeline"];
    assert_eq!(bodies(&timeline["events"]), ["kept", "last"]);
    assert_eq!(timeline["limited"], false);
    let event = ann.get(&format!("/rooms/{room}/event/{gone}")).await;
    assert_eq!(event.refusal(), (404, "M_NOT_FOUND"));
    let state = ann
        .get(&format!("/rooms/{room}/state/m.room.create/"))
        .await;
    assert_eq!(state.status, 200);
}

pub(crate) async fn who_left_walks_back_from_there_and_forth_to_the_end(world: &mut World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    say(&ann, &room, &["early"]).await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    say(&ann, &room, &["between"]).await;
    bob.post(&format!("/rooms/{room}/leave"), json!({})).await;
    say(&ann, &room, &["late"]).await;

    let back = page(&bob, &room, "dir=b&limit=100").await;
    let forth = page(&bob, &room, "dir=f&limit=100").await;
    assert_eq!(bodies(&back.body["chunk"]), ["between", "early"]);
    assert_eq!(bodies(&forth.body["chunk"]), ["early", "between", "late"]);
    let events = forth.body["chunk"].as_array().unwrap().clone();
    let mut statuses = Vec::new();
    for event in events
        .iter()
        .filter(|event| event["content"]["body"].is_string())
    {
        let id = event["event_id"].as_str().unwrap();
        statuses.push(bob.get(&format!("/rooms/{room}/event/{id}")).await.status);
    }
    assert_eq!(statuses, [404, 200, 404]);

    let target = json!({ "user_id": bob.user() });
    ann.post(&format!("/rooms/{room}/invite"), target.clone())
        .await;
    let invited = page(&bob, &room, "dir=b").await;
    assert_eq!(invited.refusal(), (403, "M_FORBIDDEN"));
    ann.post(&format!("/rooms/{room}/ban"), target).await;
    let banned = page(&bob, &room, "dir=b").await;
    assert_eq!(banned.refusal(), (403, "M_FORBIDDEN"));
}
