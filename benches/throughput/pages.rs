//! Answers to `/sync` as a homeserver gives them, rendered beforehand.

use axum::body::Bytes;
use matrix_bridge::ruma::OwnedRoomId;
use serde_json::{Value, json};

use crate::{Result, arguments::Sizes};

const WORDS: [&str; 8] = [
    "the invoice for order 4711 went out this morning and came back unopened",
    "deploy of the staging cluster finished, two pods restarted once",
    "does anybody know who has the key for the workshop?",
    "I have moved the meeting to half past three, same room as last week",
    "no, the other one: the cable is too short for the new rack",
    "thanks!",
    "see the notes of yesterday, there is a table at the end of them",
    "backup of db-2 took 41 minutes, which is 12 more than the day before",
];

/// A room's id in the form that homeservers give.
pub(crate) fn room_id(index: usize) -> Result<OwnedRoomId> {
    Ok(format!("!{index:018}:example.org").try_into()?)
}

/// The position after the page `index`.
pub(crate) fn token(index: usize) -> String {
    format!("s{index}")
}

/// The page that `token` is the position before.
pub(crate) fn after(token: Option<&str>) -> Option<usize> {
    match token {
        Some(token) => Some(token.strip_prefix('s')?.parse::<usize>().ok()? + 1),
        None => Some(0),
    }
}

/// A first answer with one event a room, which is history, then pages of new events.
pub(crate) fn render(sizes: &Sizes) -> Result<Vec<Bytes>> {
    let mut next_event = 0;
    (0..=sizes.pages)
        .map(|page| {
            let events = if page == 0 { 1 } else { sizes.events };
            let rooms = (0..sizes.rooms).map(|room| {
                let ids = next_event..next_event + events;
                next_event = ids.end;
                let timeline: Vec<Value> = ids.map(event).collect();
                Ok((room_id(room)?.to_string(), joined(&timeline)))
            });
            let rooms: serde_json::Map<_, _> = rooms.collect::<Result<_>>()?;
            let answer = json!({"next_batch": token(page), "rooms": {"join": rooms}});
            Ok(Bytes::from(serde_json::to_vec(&answer)?))
        })
        .collect()
}

/// An answer without news, at the position `0`.
pub(crate) fn nothing_new() -> Bytes {
    Bytes::from(json!({"next_batch": token(0)}).to_string())
}

fn joined(timeline: &[Value]) -> Value {
    json!({
        "timeline": {"events": timeline, "limited": false, "prev_batch": "t1-2_3_4"},
        "state": {"events": []},
        "account_data": {"events": []},
        "ephemeral": {"events": []},
        "summary": {},
        "unread_notifications": {"highlight_count": 0, "notification_count": 1},
    })
}

/// Mostly messages, some in threads, some reactions: about 600 bytes each.
fn event(index: usize) -> Value {
    let (kind, content) = match index % 10 {
        0 => ("m.reaction", reaction(index)),
        1..3 => ("m.room.message", in_thread(index)),
        _ => ("m.room.message", message(index)),
    };
    json!({
        "type": kind,
        "event_id": event_id(index),
        "sender": format!("@someone-{}:example.org", index % 37),
        "origin_server_ts": 1_700_000_000_000_u64 + index as u64,
        "content": content,
        "unsigned": {"age": 1234, "membership": "join"},
    })
}

fn event_id(index: usize) -> String {
    // Spread like a digest, so that nothing gains by an order of theirs.
    let spread = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("${spread:016x}{index:027}")
}

fn message(index: usize) -> Value {
    let [first, second] = [index, index / 8].map(|i| WORDS[i % WORDS.len()]);
    json!({
        "msgtype": "m.text",
        "body": format!("{first}\n{second}"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("<p>{first}<br/><em>{second}</em></p>"),
        "m.mentions": {},
    })
}

fn in_thread(index: usize) -> Value {
    let mut content = message(index);
    content["m.relates_to"] = json!({
        "rel_type": "m.thread",
        "event_id": event_id(index / 10),
        "is_falling_back": true,
        "m.in_reply_to": {"event_id": event_id(index / 2)},
    });
    content
}

fn reaction(index: usize) -> Value {
    json!({"m.relates_to": {
        "rel_type": "m.annotation",
        "event_id": event_id(index / 2),
        "key": "\u{1f44d}",
    }})
}
