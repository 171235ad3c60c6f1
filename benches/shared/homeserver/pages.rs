//! Answers to `/sync` as a homeserver gives them, rendered beforehand.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use crate::Result;

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

/// Who is in each room beside the bot.
const MEMBERS: usize = 10;

/// How much there is to take in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    /// Rooms that events come from.
    pub(crate) rooms: usize,
    /// Events of each room in an answer.
    pub(crate) events: usize,
    /// Answers after the first.
    pub(crate) pages: usize,
}

impl News {
    /// Events in all answers after the first.
    pub(crate) const fn count(&self) -> usize {
        self.rooms * self.events * self.pages
    }
}

/// A room's id in the form that homeservers give.
pub(crate) fn room_id(index: usize) -> String {
    format!("!{index:018}:example.org")
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

/// A first answer with the state of each room and its last event, which is history, then
/// pages of new events.
pub(crate) fn render(news: &News, user: &str) -> Result<Vec<Bytes>> {
    let mut next_event = 0;
    (0..=news.pages)
        .map(|page| {
            let events = if page == 0 { 1 } else { news.events };
            let rooms: Map<_, _> = (0..news.rooms)
                .map(|room| {
                    let ids = next_event..next_event + events;
                    next_event = ids.end;
                    let timeline: Vec<Value> = ids.map(event).collect();
                    let state = if page == 0 {
                        state(room, user)
                    } else {
                        Vec::new()
                    };
                    (room_id(room), joined(&state, &timeline))
                })
                .collect();
            let answer = json!({"next_batch": token(page), "rooms": {"join": rooms}});
            Ok(Bytes::from(serde_json::to_vec(&answer)?))
        })
        .collect()
}

/// An answer at the position `0` with rooms in which nothing is said.
pub(crate) fn quiet(rooms: usize, user: &str) -> Result<Bytes> {
    let rooms: Map<_, _> = (0..rooms)
        .map(|room| (room_id(room), joined(&state(room, user), &[])))
        .collect();
    let answer = json!({"next_batch": token(0), "rooms": {"join": rooms}});
    Ok(Bytes::from(serde_json::to_vec(&answer)?))
}

fn joined(state: &[Value], timeline: &[Value]) -> Value {
    json!({
        "timeline": {"events": timeline, "limited": false, "prev_batch": "t1-2_3_4"},
        "state": {"events": state},
        "account_data": {"events": []},
        "ephemeral": {"events": []},
        "summary": {},
        "unread_notifications": {"highlight_count": 0, "notification_count": 1},
    })
}

/// What a room is, and who is in it.
fn state(room: usize, user: &str) -> Vec<Value> {
    let creator = person(room);
    let set = |number: usize, kind: &str, key: &str, content: Value| {
        json!({
            "type": kind,
            "state_key": key,
            "event_id": event_id(usize::MAX / 2 + room * 100 + number),
            "sender": creator,
            "origin_server_ts": 1_690_000_000_000_u64 + number as u64,
            "content": content,
            "unsigned": {"age": 10_000_000},
        })
    };
    let mut state = vec![
        set(0, "m.room.create", "", json!({"room_version": "11"})),
        set(
            1,
            "m.room.power_levels",
            "",
            json!({"users": {&creator: 100}, "users_default": 0}),
        ),
        set(2, "m.room.join_rules", "", json!({"join_rule": "invite"})),
        set(
            3,
            "m.room.history_visibility",
            "",
            json!({"history_visibility": "shared"}),
        ),
        set(
            4,
            "m.room.name",
            "",
            json!({"name": format!("Room {room}")}),
        ),
        set(
            5,
            "m.room.member",
            user,
            json!({"membership": "join", "displayname": "Bot"}),
        ),
    ];
    state.extend((0..MEMBERS).map(|member| {
        let content = json!({"membership": "join", "displayname": format!("Person {member}")});
        set(6 + member, "m.room.member", &person(room + member), content)
    }));
    state
}

fn person(index: usize) -> String {
    format!("@someone-{}:example.org", index % 37)
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
        "sender": person(index),
        "origin_server_ts": 1_700_000_000_000_u64 + index as u64,
        "content": content,
        "unsigned": {"age": 1234, "membership": "join"},
    })
}

/// An event's id in the form that homeservers give.
pub(crate) fn event_id(index: usize) -> String {
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
