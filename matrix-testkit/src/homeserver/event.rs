//! One event, and how it looks to whoever asks.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json_check::event_content;

/// An event as the server keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its place in the server's one stream.
    pub(crate) position: u64,
    pub(crate) id: String,
    pub(crate) sender: String,
    pub(crate) kind: String,
    pub(crate) state_key: Option<String>,
    pub(crate) content: Value,
    /// Milliseconds since 1970.
    pub(crate) sent_at: u64,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) redacts: Option<String>,
    /// The index in the room of the redaction that emptied this event.
    pub(crate) redacted_by: Option<usize>,
    pub(crate) previous_content: Option<Value>,
    /// The bytes of an injected event, given out exactly as they came.
    pub(crate) raw: Option<Bytes>,
}

/// Which device sent an event under which transaction id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Transaction {
    pub(crate) user: String,
    pub(crate) device: Option<String>,
    pub(crate) id: String,
}

/// An event that is not in a room yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) sender: String,
    pub(crate) kind: String,
    pub(crate) state_key: Option<String>,
    pub(crate) content: Value,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) redacts: Option<String>,
}

impl Draft {
    pub(crate) fn message(sender: &str, kind: &str, content: Value) -> Self {
        Self {
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            state_key: None,
            content,
            transaction: None,
            redacts: None,
        }
    }

    pub(crate) fn state(sender: &str, kind: &str, key: &str, content: Value) -> Self {
        Self {
            state_key: Some(key.to_owned()),
            ..Self::message(sender, kind, content)
        }
    }
}

/// Whose eyes an event is rendered for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewer<'a> {
    pub(crate) user: &'a str,
    pub(crate) device: Option<&'a str>,
    /// Milliseconds since 1970.
    pub(crate) now: u64,
    /// The room id, where the answer does not already say it.
    pub(crate) room: Option<&'a str>,
}

impl Event {
    /// The event as JSON; `because` is the redaction that emptied it.
    pub(crate) fn render(&self, viewer: Viewer<'_>, because: Option<&Self>) -> Vec<u8> {
        match &self.raw {
            Some(raw) => raw.to_vec(),
            None => self.value(viewer, because).to_string().into_bytes(),
        }
    }

    fn value(&self, viewer: Viewer<'_>, because: Option<&Self>) -> Value {
        let mut out = json!({
            "event_id": self.id,
            "sender": self.sender,
            "type": self.kind,
            "content": self.content,
            "origin_server_ts": self.sent_at,
            "unsigned": self.unsigned(viewer, because),
        });
        if let Some(key) = &self.state_key {
            out["state_key"] = json!(key);
        }
        if let Some(target) = &self.redacts {
            out["redacts"] = json!(target);
        }
        if let Some(room) = viewer.room {
            out["room_id"] = json!(room);
        }
        out
    }

    fn unsigned(&self, viewer: Viewer<'_>, because: Option<&Self>) -> Value {
        let mut unsigned = Map::new();
        unsigned.insert(
            "age".to_owned(),
            json!(viewer.now.saturating_sub(self.sent_at)),
        );
        // Measured: only the very device that sent it gets the id back, for ever;
        // a sender without a device does not.
        if let Some(sent) = &self.transaction
            && sent.device.is_some()
            && sent.device.as_deref() == viewer.device
            && sent.user == viewer.user
        {
            unsigned.insert("transaction_id".to_owned(), json!(sent.id));
        }
        if let Some(previous) = &self.previous_content {
            unsigned.insert("prev_content".to_owned(), previous.clone());
        }
        if let Some(redaction) = because {
            unsigned.insert("redacted_because".to_owned(), redaction.value(viewer, None));
        }
        Value::Object(unsigned)
    }

    /// The stripped form that invitations carry.
    pub(crate) fn stripped(&self) -> Vec<u8> {
        let stripped = json!({
            "type": self.kind,
            "state_key": self.state_key,
            "sender": self.sender,
            "content": self.content,
        });
        stripped.to_string().into_bytes()
    }

    /// Removes what a redaction removes.
    pub(crate) fn prune(&mut self, redaction: usize) {
        self.redacted_by = Some(redaction);
        let kept = kept_keys(&self.kind);
        if let (Value::Object(content), Some(kept)) = (&mut self.content, kept) {
            content.retain(|key, _| kept.contains(&key.as_str()));
        }
    }

    /// `rel_type` and `event_id` of a relation, as far as both are strings.
    pub(crate) fn relation(&self) -> Option<(&str, &str)> {
        relation(&self.content)
    }
}

/// `rel_type` and `event_id` of the relation in `content`.
pub(crate) fn relation(content: &Value) -> Option<(&str, &str)> {
    let relation = &content["m.relates_to"];
    Some((
        relation["rel_type"].as_str()?,
        relation["event_id"].as_str()?,
    ))
}

/// The content's keys that outlive a redaction; `None` for all of them.
fn kept_keys(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "m.room.create" => None,
        "m.room.member" => Some(&["membership", "join_authorised_via_users_server"]),
        "m.room.join_rules" => Some(&["join_rule", "allow"]),
        "m.room.history_visibility" => Some(&["history_visibility"]),
        "m.room.power_levels" => Some(&[
            "ban",
            "events",
            "events_default",
            "invite",
            "kick",
            "redact",
            "state_default",
            "users",
            "users_default",
        ]),
        "m.room.redaction" => Some(&["redacts"]),
        _ => Some(&[]),
    }
}

/// What can be read of an injected event; all of it may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Head {
    event_id: Option<String>,
    sender: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    state_key: Option<String>,
    origin_server_ts: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ContentOnly<'a> {
    #[serde(borrow)]
    content: &'a serde_json::value::RawValue,
}

impl Event {
    /// An event of `raw` bytes. `fallback_id` names it where the bytes do not.
    pub(crate) fn injected(raw: Bytes, position: u64, now: u64, fallback_id: String) -> Self {
        let head: Head = serde_json::from_slice(&raw).unwrap_or_default();
        let content = serde_json::from_slice::<ContentOnly<'_>>(&raw)
            .ok()
            .and_then(|event| event_content(event.content.get().as_bytes()).ok());
        Self {
            position,
            id: head.event_id.unwrap_or(fallback_id),
            sender: head.sender.unwrap_or_default(),
            kind: head.kind.unwrap_or_default(),
            state_key: head.state_key,
            content: content.unwrap_or(Value::Null),
            sent_at: head.origin_server_ts.unwrap_or(now),
            transaction: None,
            redacts: None,
            redacted_by: None,
            previous_content: None,
            raw: Some(raw),
        }
    }
}
