//! What Synapse checks of an event's relation.

use serde_json::Value;

use super::{errors::ApiError, event::relation, room::Room};

/// Refuses a relation as Synapse does.
///
/// Only relations with a `rel_type` are looked at: a plain `m.in_reply_to` may name any
/// event.
pub(crate) fn check(
    room: &Room,
    sender: &str,
    kind: &str,
    content: &Value,
) -> Result<(), ApiError> {
    let Some((rel_type, target)) = relation(content) else {
        return Ok(());
    };
    let Some(parent) = room.event(target) else {
        return Err(ApiError::unknown("Can't send relation to unknown event"));
    };
    match rel_type {
        "m.annotation" if is_repeated(room, sender, kind, content) => Err(ApiError::bad_request(
            "M_DUPLICATE_ANNOTATION",
            "Can't send same reaction twice",
        )),
        "m.thread" if parent.relation().is_some() => Err(ApiError::unknown(
            "Cannot start threads from an event with a relation",
        )),
        _ => Ok(()),
    }
}

fn is_repeated(room: &Room, sender: &str, kind: &str, content: &Value) -> bool {
    let relation = &content["m.relates_to"];
    room.events.iter().any(|event| {
        let other = &event.content["m.relates_to"];
        // A redacted one has no relation any more.
        event.sender == sender
            && event.kind == kind
            && other["rel_type"] == "m.annotation"
            && other["event_id"] == relation["event_id"]
            && other["key"] == relation["key"]
    })
}
