//! What an event relates to, read from whatever somebody wrote there.

use ruma::{EventId, OwnedEventId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest Matrix identifier, in bytes.
pub const MAX_ID: usize = 255;

const RELATES_TO: &str = "m.relates_to";

/// The relation of an event, as far as it is well formed.
///
/// Every part is read by itself: a wrong type, a missing field or an id that is none
/// makes that part absent and nothing else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Relation {
    rel_type: Option<String>,
    event_id: Option<OwnedEventId>,
    in_reply_to: Option<OwnedEventId>,
}

impl Relation {
    /// The root of the thread it is in.
    #[must_use]
    pub fn thread_root(&self) -> Option<&EventId> {
        self.target_of("m.thread")
    }

    /// The event that it is an edit of.
    #[must_use]
    pub fn replaces(&self) -> Option<&EventId> {
        self.target_of("m.replace")
    }

    /// The event that it is a reaction to.
    #[must_use]
    pub fn annotates(&self) -> Option<&EventId> {
        self.target_of("m.annotation")
    }

    /// The event that it replies to, or falls back to in a thread.
    #[must_use]
    pub fn in_reply_to(&self) -> Option<&EventId> {
        self.in_reply_to.as_deref()
    }

    fn target_of(&self, rel_type: &str) -> Option<&EventId> {
        self.event_id
            .as_deref()
            .filter(|_| self.rel_type.as_deref() == Some(rel_type))
    }
}

/// The relation in an event's content.
pub(crate) fn read(content: &RawValue) -> Relation {
    if !may_relate(content.get()) {
        return Relation::default();
    }
    let Some(relates_to) = field::<WireContent<'_>>(Some(content)).and_then(|c| c.relates_to)
    else {
        return Relation::default();
    };
    let Some(wire) = field::<WireRelation<'_>>(Some(relates_to)) else {
        return Relation::default();
    };
    Relation {
        rel_type: field(wire.rel_type),
        event_id: id(wire.event_id),
        in_reply_to: field::<WireReply<'_>>(wire.in_reply_to).and_then(|r| id(r.event_id)),
    }
}

/// Most events relate to nothing, and looking for letters is much faster than reading. The
/// key stands there as it is, or with some letter of it written as a number.
fn may_relate(content: &str) -> bool {
    content.contains(RELATES_TO) || content.contains(r"\u")
}

fn field<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// An event id of a legal length, which ruma does not check for all forms of them.
fn id(value: Option<&RawValue>) -> Option<OwnedEventId> {
    field(value).filter(|id: &OwnedEventId| id.as_str().len() <= MAX_ID)
}

#[derive(Deserialize)]
struct WireContent<'a> {
    #[serde(borrow, rename = "m.relates_to")]
    relates_to: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireRelation<'a> {
    #[serde(borrow)]
    rel_type: Option<&'a RawValue>,
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.in_reply_to")]
    in_reply_to: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireReply<'a> {
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(relates_to: &str) -> Relation {
        let content = format!(r#"{{"m.relates_to":{relates_to}}}"#);
        read(&RawValue::from_string(content).unwrap())
    }

    #[test]
    fn a_thread_and_a_reply_are_read() {
        let relation = relation(
            r#"{"rel_type":"m.thread","event_id":"$root","is_falling_back":"what",
                "m.in_reply_to":{"event_id":"$last"}}"#,
        );

        assert_eq!(relation.thread_root().unwrap(), "$root");
        assert_eq!(relation.in_reply_to().unwrap(), "$last");
        assert_eq!(relation.replaces(), None);
    }

    #[test]
    fn a_key_with_letters_written_as_numbers_is_the_key() {
        let content = r#"{"m.relates\u005fto":{"rel_type":"m.thread","event_id":"$root"}}"#;

        let relation = read(&RawValue::from_string(content.to_owned()).unwrap());

        assert_eq!(relation.thread_root().unwrap(), "$root");
    }

    #[test]
    fn each_malformed_part_is_absent_by_itself() {
        let long = format!(
            r#"{{"rel_type":"m.thread","event_id":"${}"}}"#,
            "x".repeat(1_000_000)
        );
        let hostile = [
            "7",
            "[]",
            "null",
            r#"{"rel_type":7,"event_id":"$root"}"#,
            r#"{"rel_type":"m.thread"}"#,
            r#"{"rel_type":"m.thread","event_id":{}}"#,
            r#"{"rel_type":"m.thread","event_id":"not an id"}"#,
            r#"{"rel_type":"m.thread","event_id":"\ud800"}"#,
            r#"{"rel_type":"m.thread","rel_type":"m.thread","event_id":"$root"}"#,
            long.as_str(),
        ];
        for json in hostile {
            assert_eq!(relation(json).thread_root(), None, "{:.80}", json);
        }
        let kept = relation(r#"{"rel_type":{},"m.in_reply_to":{"event_id":"$q"}}"#);
        assert_eq!(kept.in_reply_to().unwrap(), "$q");
    }
}
