//! Messages that we write, from builders that cannot build an illegal relation.

use std::{collections::BTreeSet, time::Duration};

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Map, Value, json};

use crate::{Effects, Event};

/// A message to send: text, and who is mentioned in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    msgtype: &'static str,
    body: String,
    html: Option<String>,
    mentions: BTreeSet<OwnedUserId>,
    mentions_room: bool,
}

impl Message {
    /// A message as a person writes it, `m.text`.
    pub fn text(body: impl Into<String>) -> Self {
        Self::new("m.text", body.into())
    }

    /// A message as a program writes it, `m.notice`: other bots do not answer it.
    pub fn notice(body: impl Into<String>) -> Self {
        Self::new("m.notice", body.into())
    }

    /// Adds the text as HTML. It is sent as it is: escape what is not yours.
    #[must_use]
    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.html = Some(html.into());
        self
    }

    /// Notifies `user`. Nobody is notified by their name in the text alone.
    #[must_use]
    pub fn mention(mut self, user: OwnedUserId) -> Self {
        self.mentions.insert(user);
        self
    }

    /// Notifies the whole room, where the room allows us to.
    #[must_use]
    pub const fn mention_room(mut self) -> Self {
        self.mentions_room = true;
        self
    }

    const fn new(msgtype: &'static str, body: String) -> Self {
        Self {
            msgtype,
            body,
            html: None,
            mentions: BTreeSet::new(),
            mentions_room: false,
        }
    }

    /// The content of the event, without a relation.
    pub(crate) fn into_content(self) -> Map<String, Value> {
        let mentions = self.mentions();
        let mut content = self.into_body();
        content.insert("m.mentions".to_owned(), mentions);
        content
    }

    /// The content of an edit into this message, without what it edits.
    pub(crate) fn into_edit_content(self) -> Map<String, Value> {
        // Mentions stand in the new content; repeated outside they would notify again.
        let fallback = Self {
            mentions: BTreeSet::new(),
            mentions_room: false,
            ..self.clone()
        };
        let mut content = Self {
            body: format!("* {}", fallback.body),
            html: fallback.html.as_ref().map(|html| format!("* {html}")),
            ..fallback
        }
        .into_content();
        content.insert("m.new_content".to_owned(), self.into_content().into());
        content.insert("m.relates_to".to_owned(), json!({"rel_type": "m.replace"}));
        content
    }

    /// Always there, since without it old servers fall back to matching names.
    fn mentions(&self) -> Value {
        let mut mentions = Map::new();
        if !self.mentions.is_empty() {
            mentions.insert("user_ids".to_owned(), json!(self.mentions));
        }
        if self.mentions_room {
            mentions.insert("room".to_owned(), true.into());
        }
        mentions.into()
    }

    fn into_body(self) -> Map<String, Value> {
        let mut content = Map::new();
        content.insert("msgtype".to_owned(), self.msgtype.into());
        content.insert("body".to_owned(), self.body.into());
        if let Some(html) = self.html {
            content.insert("format".to_owned(), "org.matrix.custom.html".into());
            content.insert("formatted_body".to_owned(), html.into());
        }
        content
    }
}

/// An answer to an event: in the event's room, always a reply to it, and in its thread
/// if it was in one.
///
/// Room, reply and thread come from the event alone, so an answer cannot land
/// elsewhere, whatever the event's content claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    room: OwnedRoomId,
    in_reply_to: OwnedEventId,
    thread_root: Option<OwnedEventId>,
    message: Message,
}

impl Reply {
    /// `message` as an answer to `event`.
    #[must_use]
    pub fn new(event: &Event, message: Message) -> Self {
        Self {
            room: event.room().to_owned(),
            in_reply_to: event.id().to_owned(),
            thread_root: event.relation().thread_root().map(ToOwned::to_owned),
            message,
        }
    }

    /// Starts a thread on the event, unless it was in one.
    ///
    /// An event that relates to another one cannot be a root; the answer to it stays
    /// a plain reply.
    #[must_use]
    pub fn in_thread(mut self, event: &Event) -> Self {
        let relation = event.relation();
        let is_root = relation.replaces().is_none() && relation.annotates().is_none();
        if self.thread_root.is_none() && is_root && event.id() == self.in_reply_to {
            self.thread_root = Some(self.in_reply_to.clone());
        }
        self
    }

    /// The answer, given up if it is not sent within `span` from now; see
    /// [`Effects::expires_in`].
    pub fn expires_in(self, span: Duration) -> Effects {
        Effects::from(self).expires_in(span)
    }

    pub(crate) fn into_parts(self) -> (OwnedRoomId, Map<String, Value>) {
        let Self {
            room,
            in_reply_to,
            thread_root,
            message,
        } = self;
        let mut relates_to = Map::new();
        relates_to.insert("m.in_reply_to".to_owned(), json!({"event_id": in_reply_to}));
        if let Some(root) = thread_root {
            relates_to.insert("rel_type".to_owned(), "m.thread".into());
            relates_to.insert("event_id".to_owned(), root.as_str().into());
            // A true reply inside the thread, not a fallback for old clients.
            relates_to.insert("is_falling_back".to_owned(), false.into());
        }
        let mut content = message.into_content();
        content.insert("m.relates_to".to_owned(), relates_to.into());
        (room, content)
    }
}

/// Where a message that answers nothing goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) room: OwnedRoomId,
    pub(crate) content: Map<String, Value>,
}

impl Outgoing {
    pub(crate) fn new(room: &RoomId, message: Message) -> Self {
        Self {
            room: room.to_owned(),
            content: message.into_content(),
        }
    }
}

/// The content, whose relation has no event yet, about the event `target`.
pub(crate) fn with_target(mut content: Map<String, Value>, target: &EventId) -> Map<String, Value> {
    let relates_to = content.entry("m.relates_to");
    if let Some(relates_to) = relates_to.or_insert_with(|| json!({})).as_object_mut() {
        relates_to.insert("event_id".to_owned(), target.as_str().into());
    }
    content
}

/// The same content as a plain reply, without its thread; `None` if it is in none.
///
/// For a homeserver that refuses the thread: the answer stays in its room.
pub(crate) fn without_thread(content: &str) -> Option<Map<String, Value>> {
    // Our own content, or a host's: never outside JSON. What nests too deep for
    // `Value` is left alone.
    let mut content: Map<String, Value> = serde_json::from_str(content).ok()?;
    let relates_to = content.get_mut("m.relates_to")?.as_object_mut()?;
    if relates_to.get("rel_type")?.as_str()? != "m.thread" {
        return None;
    }
    for field in ["rel_type", "event_id", "is_falling_back"] {
        relates_to.remove(field);
    }
    if relates_to.is_empty() {
        content.remove("m.relates_to");
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};

    use super::*;
    use crate::RawJson;

    fn question(relates_to: &str) -> Event {
        let json = format!(
            r#"{{"event_id":"$q","sender":"@a:x","type":"m.room.message",
                "content":{{"m.relates_to":{relates_to}}}}}"#
        );
        Event::read(room_id!("!r:x"), &RawJson::new(json).unwrap()).unwrap()
    }

    fn relates_to(reply: Reply) -> Value {
        let (room, content) = reply.into_parts();
        assert_eq!(room, "!r:x");
        assert_eq!(content["m.mentions"], json!({}));
        content["m.relates_to"].clone()
    }

    #[test]
    fn an_answer_outside_a_thread_is_a_plain_reply() {
        let reply = question("{}").reply("pong");

        assert_eq!(
            relates_to(reply),
            json!({"m.in_reply_to": {"event_id": "$q"}})
        );
    }

    #[test]
    fn an_answer_in_a_thread_is_a_true_reply_in_it() {
        let reply = question(r#"{"rel_type":"m.thread","event_id":"$root"}"#).reply("pong");

        let expected = json!({
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": false,
            "m.in_reply_to": {"event_id": "$q"},
        });
        assert_eq!(relates_to(reply), expected);
    }

    #[test]
    fn an_edit_cannot_become_a_root() {
        let edit = question(r#"{"rel_type":"m.replace","event_id":"$o"}"#);
        let plain = question("{}");

        assert!(
            relates_to(edit.reply("x").in_thread(&edit))
                .get("rel_type")
                .is_none()
        );
        assert_eq!(
            relates_to(plain.reply("x").in_thread(&plain))["event_id"],
            "$q"
        );
    }

    #[test]
    fn without_its_thread_a_reply_stays_a_reply() {
        let reply = question(r#"{"rel_type":"m.thread","event_id":"$root"}"#).reply("pong");
        let content = Value::Object(reply.into_parts().1).to_string();

        let plain = without_thread(&content).unwrap();

        assert_eq!(
            plain["m.relates_to"],
            json!({"m.in_reply_to": {"event_id": "$q"}})
        );
        assert_eq!(without_thread(&Value::Object(plain).to_string()), None);
    }

    #[test]
    fn mentions_are_those_asked_for_and_an_edit_repeats_none() {
        let message = Message::text("hi @room").mention(user_id!("@b:x").to_owned());

        let content = message.clone().into_content();
        let edit = message.into_edit_content();

        assert_eq!(content["m.mentions"], json!({"user_ids": ["@b:x"]}));
        assert_eq!(edit["m.mentions"], json!({}));
        assert_eq!(edit["body"], "* hi @room");
        assert_eq!(
            edit["m.new_content"]["m.mentions"],
            json!({"user_ids": ["@b:x"]})
        );
    }
}
