use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event as matrix-nio understood it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct SeenEvent {
    /// The class nio chose, for example `RoomMessageText`, `RoomMessageNotice`, or `BadEvent`.
    pub class: String,
    /// The event's id.
    pub event_id: String,
    /// Who sent it.
    pub sender: String,
    /// `origin_server_ts`.
    pub timestamp_ms: Option<i64>,
    /// The text, for messages.
    pub body: Option<String>,
    /// The HTML, for messages that have some.
    pub formatted_body: Option<String>,
    /// The whole event as the server sent it.
    pub source: Value,
}

impl SeenEvent {
    /// The event that this one replies to (`m.in_reply_to`).
    #[must_use]
    pub fn in_reply_to(&self) -> Option<&str> {
        self.relates_to()["m.in_reply_to"]["event_id"].as_str()
    }

    /// The root of the thread that this one is in.
    #[must_use]
    pub fn thread_root(&self) -> Option<&str> {
        let relates_to = self.relates_to();
        if relates_to["rel_type"] == "m.thread" {
            relates_to["event_id"].as_str()
        } else {
            None
        }
    }

    /// `m.relates_to`; null if there is none.
    #[must_use]
    pub fn relates_to(&self) -> &Value {
        &self.source["content"]["m.relates_to"]
    }
}

/// Which events to wait for, and how many of them. What is not named may be anything.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub(super) count: usize,
    pub(super) fields: Fields,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Fields {
    sender: Option<String>,
    body: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    event_id: Option<String>,
    relates_to: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self::new()
    }
}

impl Wanted {
    /// One event, of any kind.
    #[must_use]
    pub fn new() -> Self {
        Self {
            count: 1,
            fields: Fields::default(),
        }
    }

    /// At least this many.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Only from this user.
    #[must_use]
    pub fn sender(mut self, user_id: impl Into<String>) -> Self {
        self.fields.sender = Some(user_id.into());
        self
    }

    /// Only with exactly this text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.fields.body = Some(body.into());
        self
    }

    /// Only of this type, for example `m.reaction`.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.fields.event_type = Some(event_type.into());
        self
    }

    /// Only this one.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.fields.event_id = Some(event_id.into());
        self
    }

    /// Only such as point at this event, in whatever way: reply, thread, edit, reaction.
    #[must_use]
    pub fn relates_to(mut self, event_id: impl Into<String>) -> Self {
        self.fields.relates_to = Some(event_id.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(relates_to: &Value) -> SeenEvent {
        SeenEvent {
            class: "RoomMessageText".into(),
            event_id: "$1".into(),
            sender: "@a:b".into(),
            timestamp_ms: Some(1),
            body: None,
            formatted_body: None,
            source: json!({ "content": { "m.relates_to": relates_to } }),
        }
    }

    #[test]
    fn a_reply_in_a_thread_names_both_events() {
        let event = seen(&json!({
            "rel_type": "m.thread", "event_id": "$root", "m.in_reply_to": { "event_id": "$question" },
        }));

        assert_eq!(
            (event.thread_root(), event.in_reply_to()),
            (Some("$root"), Some("$question"))
        );
    }

    #[test]
    fn an_edit_is_in_no_thread() {
        let event = seen(&json!({ "rel_type": "m.replace", "event_id": "$root" }));

        assert_eq!((event.thread_root(), event.in_reply_to()), (None, None));
    }
}
