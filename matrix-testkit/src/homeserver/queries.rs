//! What tests ask the server, beside its API.

use bytes::Bytes;
use serde_json::Value;

use super::{
    event::Event, request_log::RequestRecord, room::Membership, state::Homeserver,
    stream_token::StreamToken,
};

/// An event as it lies in a room.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TimelineEvent {
    /// The event's id.
    pub event_id: String,
    /// Who sent it.
    pub sender: String,
    /// Its type.
    pub kind: String,
    /// The state key of a state event.
    pub state_key: Option<String>,
    /// Its content; what redactions left, and null if injected bytes could not be read.
    pub content: Value,
    /// The transaction id of the request that made it.
    pub transaction_id: Option<String>,
    /// The device of the token of that request.
    pub device_id: Option<String>,
    /// Milliseconds since 1970.
    pub origin_server_ts: u64,
    /// Whether a redaction emptied it.
    pub is_redacted: bool,
    /// The bytes of an injected event.
    pub raw: Option<Bytes>,
}

impl TimelineEvent {
    fn of(event: &Event) -> Self {
        let transaction = event.transaction.as_ref();
        Self {
            event_id: event.id.clone(),
            sender: event.sender.clone(),
            kind: event.kind.clone(),
            state_key: event.state_key.clone(),
            content: event.content.clone(),
            transaction_id: transaction.map(|transaction| transaction.id.clone()),
            device_id: transaction.and_then(|transaction| transaction.device.clone()),
            origin_server_ts: event.sent_at,
            is_redacted: event.redacted_by.is_some(),
            raw: event.raw.clone(),
        }
    }

    /// The content's `body`; empty if it has none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.content["body"].as_str().unwrap_or_default()
    }
}

impl Homeserver {
    /// All events of a room, in its order, state included; empty for an unknown room.
    #[must_use]
    pub fn timeline(&self, room: &str) -> Vec<TimelineEvent> {
        self.events(room).map(TimelineEvent::of).collect()
    }

    /// The events of a room that a user sent, in its order.
    #[must_use]
    pub fn timeline_of(&self, room: &str, sender: &str) -> Vec<TimelineEvent> {
        let own = self.events(room).filter(|event| event.sender == sender);
        own.map(TimelineEvent::of).collect()
    }

    /// The events of type `m.room.message` of a room, in its order.
    #[must_use]
    pub fn messages_in(&self, room: &str) -> Vec<TimelineEvent> {
        let mut events = self.timeline(room);
        events.retain(|event| event.kind == "m.room.message");
        events
    }

    /// The id of the last event of a room.
    #[must_use]
    pub fn last_event_id(&self, room: &str) -> Option<String> {
        Some(self.rooms.get(room)?.events.last()?.id.clone())
    }

    /// The token that a sync would end with now, whoever asks.
    #[must_use]
    pub fn next_batch(&self) -> String {
        StreamToken::Live(self.position).to_string()
    }

    /// The content of a piece of a room's state.
    #[must_use]
    pub fn state_of(&self, room: &str, kind: &str, key: &str) -> Option<Value> {
        self.rooms.get(room)?.state_content(kind, key).cloned()
    }

    /// A user's standing in a room; `None` if they never had one.
    #[must_use]
    pub fn membership(&self, room: &str, user: &str) -> Option<Membership> {
        self.rooms.get(room)?.membership(user)
    }

    /// The ids of all rooms.
    #[must_use]
    pub fn room_ids(&self) -> Vec<String> {
        self.rooms.keys().cloned().collect()
    }

    /// The room behind an alias.
    #[must_use]
    pub fn room_of_alias(&self, alias: &str) -> Option<String> {
        self.aliases.get(alias).cloned()
    }

    /// The event that a user's receipt of that type stands at, outside of threads.
    #[must_use]
    pub fn receipt_of(&self, room: &str, user: &str, kind: &str) -> Option<String> {
        let key = (user.to_owned(), kind.to_owned(), String::new());
        Some(self.rooms.get(room)?.receipts.get(&key)?.event_id.clone())
    }

    /// The bytes of an uploaded file, by its `mxc://` address.
    #[must_use]
    pub fn uploaded(&self, content_uri: &str) -> Option<Bytes> {
        let (_, id) = content_uri.rsplit_once('/')?;
        Some(self.media.get(id)?.content.as_ref()?.bytes.clone())
    }

    /// How many events, in all rooms, were made under that transaction id.
    #[must_use]
    pub fn events_under(&self, transaction_id: &str) -> usize {
        let events = self.rooms.values().flat_map(|room| &room.events);
        let ids = events.filter_map(|event| event.transaction.as_ref());
        ids.filter(|transaction| transaction.id == transaction_id)
            .count()
    }

    /// The last requests in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.records().cloned().collect()
    }

    /// The requests that meant to change something; see [`RequestRecord::is_write`].
    #[must_use]
    pub fn writes(&self) -> Vec<RequestRecord> {
        self.log
            .records()
            .filter(|record| record.is_write())
            .cloned()
            .collect()
    }

    /// How many scripted faults are still to come.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.script.remaining()
    }

    fn events(&self, room: &str) -> impl Iterator<Item = &Event> {
        let room = self.rooms.get(room);
        room.into_iter().flat_map(|room| &room.events)
    }
}
