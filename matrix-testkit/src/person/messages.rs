use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::error::PersonError;
use super::event::{SeenEvent, Wanted};
use super::{PATIENCE, Person};

/// What person.py gets on top of the time it is told to wait.
const MARGIN: Duration = Duration::from_secs(10);

/// Saying things. Each returns the id of the new event.
impl Person {
    /// Says something.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn say(&self, room: &str, body: &str) -> Result<String, PersonError> {
        self.send(room, "m.room.message", &text(body)).await
    }

    /// Replies to an event.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn reply(
        &self,
        room: &str,
        event_id: &str,
        body: &str,
    ) -> Result<String, PersonError> {
        let relation = json!({ "m.in_reply_to": { "event_id": event_id } });
        self.send(room, "m.room.message", &related(body, relation))
            .await
    }

    /// Says something in the thread that starts at `root`, as a true reply if it answers something.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn thread(
        &self,
        room: &str,
        root: &str,
        body: &str,
        reply_to: Option<&str>,
    ) -> Result<String, PersonError> {
        let relation = json!({
            "rel_type": "m.thread", "event_id": root,
            "is_falling_back": reply_to.is_none(),
            "m.in_reply_to": { "event_id": reply_to.unwrap_or(root) },
        });
        self.send(room, "m.room.message", &related(body, relation))
            .await
    }

    /// Reacts to an event.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn react(
        &self,
        room: &str,
        event_id: &str,
        key: &str,
    ) -> Result<String, PersonError> {
        let relation = json!({ "rel_type": "m.annotation", "event_id": event_id, "key": key });
        self.send(room, "m.reaction", &json!({ "m.relates_to": relation }))
            .await
    }

    /// Replaces the text of a message.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn edit(
        &self,
        room: &str,
        event_id: &str,
        body: &str,
    ) -> Result<String, PersonError> {
        let relation = json!({ "rel_type": "m.replace", "event_id": event_id });
        let mut content = related(&format!("* {body}"), relation);
        content["m.new_content"] = text(body);
        self.send(room, "m.room.message", &content).await
    }

    /// Removes the content of an event.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn redact(
        &self,
        room: &str,
        event_id: &str,
        reason: Option<&str>,
    ) -> Result<String, PersonError> {
        self.ask_id(
            "redact",
            json!({ "room": room, "event_id": event_id, "reason": reason }),
        )
        .await
    }

    /// Sends an event with any content, hostile ones too, under a new transaction id.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn send(
        &self,
        room: &str,
        event_type: &str,
        content: &Value,
    ) -> Result<String, PersonError> {
        self.ask_id(
            "send",
            json!({ "room": room, "type": event_type, "content": content, "txn": null }),
        )
        .await
    }

    /// Sends an event under a given transaction id.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn send_as(
        &self,
        room: &str,
        event_type: &str,
        content: &Value,
        transaction_id: &str,
    ) -> Result<String, PersonError> {
        let params =
            json!({ "room": room, "type": event_type, "content": content, "txn": transaction_id });
        self.ask_id("send", params).await
    }
}

/// Seeing things.
impl Person {
    /// Waits until the room has enough events that match, and returns all that do, in the order of sync.
    ///
    /// Everything that was synced since the login counts, so an event that came before this call is found too.
    ///
    /// # Errors
    ///
    /// `Refused` with the code `TIMEOUT`, and with what was seen instead, when the time is up.
    pub async fn sync_until(
        &self,
        room: &str,
        wanted: &Wanted,
        timeout: Duration,
    ) -> Result<Vec<SeenEvent>, PersonError> {
        let Wanted { count, fields } = wanted;
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let params =
            json!({ "room": room, "want": fields, "count": count, "timeout_ms": timeout_ms });
        events(
            "wait",
            self.channel
                .call("wait", params, timeout.saturating_add(MARGIN))
                .await?,
        )
    }

    /// Waits until this person is invited to the room.
    ///
    /// # Errors
    ///
    /// `Refused` with the code `TIMEOUT` when the time is up.
    pub async fn sync_until_invited(
        &self,
        room: &str,
        timeout: Duration,
    ) -> Result<(), PersonError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let params = json!({ "room": room, "timeout_ms": timeout_ms });
        self.channel
            .call("wait_invite", params, timeout.saturating_add(MARGIN))
            .await
            .map(drop)
    }

    /// The last `limit` events of a room, oldest first, asked of the server now.
    ///
    /// # Errors
    ///
    /// When the homeserver refuses, or the process is gone.
    pub async fn timeline(&self, room: &str, limit: usize) -> Result<Vec<SeenEvent>, PersonError> {
        let params = json!({ "room": room, "limit": limit });
        events(
            "timeline",
            self.channel.call("timeline", params, PATIENCE).await?,
        )
    }
}

fn text(body: &str) -> Value {
    json!({ "msgtype": "m.text", "body": body })
}

fn related(body: &str, relation: Value) -> Value {
    let mut content = text(body);
    content["m.relates_to"] = relation;
    content
}

fn events(op: &'static str, answer: Value) -> Result<Vec<SeenEvent>, PersonError> {
    Vec::deserialize(answer).map_err(|_| PersonError::Unexpected { op })
}
