//! An event as it came, of which only the head is read.

use std::{borrow::Cow, sync::Arc};

use ruma::{
    EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId, events::EventContentFromType,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{Message, Misfit, ParkCode, ParkReason, RawJson, Relation, Reply, Timestamp, relation};

/// An event of a room. Cloning is cheap.
///
/// Only its head was read; the content is read when somebody asks for it, as the type
/// they ask for.
#[derive(Clone, Debug)]
pub struct Event(Arc<Head>);

#[derive(Debug)]
struct Head {
    room: OwnedRoomId,
    id: OwnedEventId,
    sender: OwnedUserId,
    kind: String,
    state_key: Option<String>,
    origin: Option<Timestamp>,
    relation: Relation,
    content: RawJson,
    raw: RawJson,
}

impl Event {
    /// Reads the head of `raw`, an event of `room`.
    ///
    /// A relation that is malformed counts as none. Anything else of the head that is
    /// missing or of a wrong type makes the event unreadable.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] says which part was wrong, and the event's id where that could
    /// be read.
    pub fn read(room: &RoomId, raw: &RawJson) -> Result<Self, Unreadable> {
        let wire: WireEvent<'_> =
            serde_json::from_str(raw.as_str()).map_err(|error| Unreadable {
                event_id: None,
                reason: unreadable(format!("not an event: {}", Misfit::from(error))),
            })?;
        let id: OwnedEventId = wire.required("event_id", wire.event_id, None)?;
        if id.as_str().len() > relation::MAX_ID {
            let reason = unreadable("`event_id` is too long".to_owned());
            return Err(Unreadable {
                event_id: None,
                reason,
            });
        }
        let known = Some(&id);
        let head = Head {
            sender: wire.required("sender", wire.sender, known)?,
            kind: wire.required("type", wire.kind, known)?,
            state_key: match wire.state_key {
                Some(value) => Some(wire.required("state_key", Some(value), known)?),
                None => None,
            },
            origin: wire
                .origin_server_ts
                .and_then(|ts| decode(ts).map(Timestamp)),
            relation: wire.content.map(relation::read).unwrap_or_default(),
            content: wire
                .content
                .map_or_else(empty_object, |content| Ok(raw.part(content)))
                .map_err(|error| Unreadable {
                    event_id: known.cloned(),
                    reason: unreadable(error.to_string()),
                })?,
            room: room.to_owned(),
            id,
            raw: raw.clone(),
        };
        Ok(Self(Arc::new(head)))
    }

    /// The room it is in, as the homeserver delivered it; the content has no say.
    #[must_use]
    pub fn room(&self) -> &RoomId {
        &self.0.room
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.0.id
    }

    pub(crate) fn owned_id(&self) -> &OwnedEventId {
        &self.0.id
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> &UserId {
        &self.0.sender
    }

    /// Its type, such as `m.room.message`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Its state key, if it is a state event.
    #[must_use]
    pub fn state_key(&self) -> Option<&str> {
        self.0.state_key.as_deref()
    }

    /// `origin_server_ts`, which the sender chooses: for people to read, never to
    /// decide by. [`Context::age`](crate::Context::age) is the clamped form.
    #[must_use]
    pub fn origin_server_ts(&self) -> Option<Timestamp> {
        self.0.origin
    }

    /// What it relates to, as far as that is well formed.
    #[must_use]
    pub fn relation(&self) -> &Relation {
        &self.0.relation
    }

    /// The content as it came; `{}` if there is none.
    #[must_use]
    pub fn content(&self) -> &RawJson {
        &self.0.content
    }

    /// The whole event as it came.
    #[must_use]
    pub fn raw(&self) -> &RawJson {
        &self.0.raw
    }

    /// The content as a `T`, such as a struct with the fields that matter.
    ///
    /// # Errors
    ///
    /// When the content does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.0.content.decode()
    }

    /// The content as one of ruma's event content types, chosen by the event's type.
    ///
    /// # Errors
    ///
    /// When the content does not fit.
    pub fn content_as<T: EventContentFromType>(&self) -> Result<T, serde_json::Error> {
        let raw = RawValue::from_string(self.0.content.as_str().to_owned())?;
        T::from_parts(self.kind(), &raw)
    }

    /// The text of a message that a person wrote.
    ///
    /// `None` for everything else: other events, `m.notice` (which bots do not answer,
    /// so that two of them never talk for ever), and edits.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if self.kind() != "m.room.message" || self.relation().replaces().is_some() {
            return None;
        }
        let text: TextContent<'_> = serde_json::from_str(self.content().as_str()).ok()?;
        if text.msgtype != "m.text" {
            return None;
        }
        Some(match self.relation().in_reply_to() {
            Some(_) => without_fallback(&text.body).to_owned(),
            None => text.body.into_owned(),
        })
    }

    /// An `m.notice` that answers this event, in its room and thread.
    #[must_use]
    pub fn reply(&self, text: impl Into<String>) -> Reply {
        self.reply_with(Message::notice(text))
    }

    /// An answer to this event, in its room and thread.
    #[must_use]
    pub fn reply_with(&self, message: Message) -> Reply {
        Reply::new(self, message)
    }
}

/// An event whose head cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// The event's id, if that much could be read.
    pub event_id: Option<OwnedEventId>,
    /// What was wrong.
    pub reason: ParkReason,
}

fn unreadable(detail: String) -> ParkReason {
    ParkReason::new(ParkCode::Unreadable, detail)
}

/// The head's fields, each raw, so that one of a wrong type does not hide the others.
#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sender: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    state_key: Option<&'a RawValue>,
    #[serde(borrow)]
    origin_server_ts: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

impl WireEvent<'_> {
    fn required<T: DeserializeOwned>(
        &self,
        name: &str,
        value: Option<&RawValue>,
        event_id: Option<&OwnedEventId>,
    ) -> Result<T, Unreadable> {
        let failed = |detail: String| Unreadable {
            event_id: event_id.cloned(),
            reason: unreadable(detail),
        };
        let value = value.ok_or_else(|| failed(format!("`{name}` is missing")))?;
        // The error names a place and a type, never the text itself.
        serde_json::from_str(value.get()).map_err(|_| failed(format!("`{name}` is not valid")))
    }
}

#[derive(Deserialize)]
struct TextContent<'a> {
    #[serde(borrow)]
    msgtype: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

fn decode<T: DeserializeOwned>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

fn empty_object() -> Result<RawJson, serde_json::Error> {
    RawJson::new("{}".to_owned())
}

/// The body without the quotation that clients put before a reply until spec 1.13.
fn without_fallback(body: &str) -> &str {
    if !body.starts_with("> <") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") {
        rest = rest.split_once('\n').map_or("", |(_, after)| after);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use ruma::room_id;

    use super::*;

    fn read(json: &str) -> Result<Event, Unreadable> {
        Event::read(room_id!("!r:x"), &RawJson::new(json.to_owned()).unwrap())
    }

    fn message(content: &str) -> Event {
        let json = format!(
            r#"{{"event_id":"$e","sender":"@a:x","type":"m.room.message","content":{content}}}"#
        );
        read(&json).unwrap()
    }

    #[test]
    fn a_head_is_read_whatever_the_depth_of_the_content() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));

        let event = message(&format!(
            r#"{{"msgtype":"m.text","body":"hi","deep":{deep}}}"#
        ));

        assert_eq!(event.sender(), "@a:x");
        assert_eq!(event.text().as_deref(), Some("hi"));
    }

    #[test]
    fn hostile_heads_are_unreadable_and_say_why() {
        let cases = [
            ("[]", "not an event"),
            ("{}", "`event_id` is missing"),
            (r#"{"event_id":7}"#, "`event_id` is not valid"),
            (
                r#"{"event_id":"$e","sender":"nobody"}"#,
                "`sender` is not valid",
            ),
            (
                r#"{"event_id":"$e","sender":"@a:x","type":null}"#,
                "`type` is missing",
            ),
            (r#"{"event_id":"$e","event_id":"$f"}"#, "duplicate field"),
            (
                r#"{"event_id":"$e","sender":"@a:x","type":"\ud800"}"#,
                "`type` is not valid",
            ),
            (
                r#"{"event_id":"$e","sender":"@a:x","type":"t","state_key":1}"#,
                "`state_key`",
            ),
        ];
        for (json, expected) in cases {
            let error = read(json).unwrap_err();
            assert!(
                error.reason.detail.contains(expected),
                "{json}: {}",
                error.reason.detail
            );
        }
    }

    #[test]
    fn notices_edits_and_strange_bodies_have_no_text() {
        for content in [
            r#"{"msgtype":"m.notice","body":"!ping"}"#,
            r#"{"msgtype":"m.text","body":7}"#,
            r#"{"msgtype":"m.text","body":"\ud800"}"#,
            r#"{"msgtype":"m.text","body":"* !ping","m.relates_to":{"rel_type":"m.replace","event_id":"$o"}}"#,
            "[]",
            "null",
        ] {
            assert_eq!(message(content).text(), None, "{content}");
        }
    }

    #[test]
    fn an_old_reply_fallback_is_not_part_of_the_text() {
        let content = r#"{"msgtype":"m.text","body":"> <@b:x> one\n> two\n\n!ping",
            "m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}"#;

        assert_eq!(message(content).text().as_deref(), Some("!ping"));
    }
}
