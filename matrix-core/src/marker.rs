//! Our own key in the messages that we send.

use ruma::TransactionId;
use serde::Deserialize;

use crate::{Action, RawJson, Row};

/// The field in the content of every message that we send. It holds the row's
/// transaction id, so that the message is found in its room when the homeserver has
/// forgotten the id, or the account has another device by then.
pub const MARKER: &str = "io.github.matrix-bridge.transaction_id";

/// So many bytes the marker takes, and so many a transaction id as
/// [`RowKey::transaction_id`](crate::RowKey::transaction_id) makes it.
const FRAME: usize = r#","":"""#.len() + MARKER.len();
const TRANSACTION_ID: usize = 32;

impl Row {
    /// The content of a message as it is to be sent, with the [`MARKER`] in it; `None`
    /// for an action that is no message.
    ///
    /// It depends on the row alone: each attempt sends the same.
    #[must_use]
    pub fn marked_content(&self) -> Option<String> {
        match &self.body.action {
            Action::Message { content, .. } => Some(marked(content, &self.transaction_id)),
            _ => None,
        }
    }
}

/// How long `content` is with a marker of ours in it.
pub(crate) fn marked_len(content: &RawJson) -> usize {
    content.as_str().len() + FRAME + TRANSACTION_ID
}

/// The transaction id in the content of an event, which is to be believed only of an
/// event that we sent: anybody can copy it.
pub(crate) fn transaction_id_in(content: &RawJson) -> Option<String> {
    content.decode::<Marked>().ok()?.transaction_id
}

#[derive(Deserialize)]
struct Marked {
    #[serde(rename = "io.github.matrix-bridge.transaction_id")]
    transaction_id: Option<String>,
}

/// The text is not read: it may be nested deeper than a tree of values can be. Of two
/// fields with one name the last one counts.
fn marked(content: &RawJson, transaction_id: &TransactionId) -> String {
    let text = content.as_str().trim();
    let Some(inner) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    else {
        // No object: the homeserver will refuse it.
        return text.to_owned();
    };
    let comma = if inner.trim().is_empty() { "" } else { "," };
    let value = serde_json::Value::from(transaction_id.as_str());
    format!("{{{inner}{comma}\"{MARKER}\":{value}}}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn mark(content: &str) -> String {
        let content = RawJson::new(content.to_owned()).unwrap();
        let marked = marked(&content, "t1".into());
        assert!(marked.len() <= marked_len(&content));
        marked
    }

    #[test]
    fn a_content_is_marked_and_the_mark_is_read() {
        let marked = mark(r#" {"body":"hi }"} "#);

        let read: Value = serde_json::from_str(&marked).unwrap();
        assert_eq!(read, json!({"body": "hi }", MARKER: "t1"}));
        let found = transaction_id_in(&RawJson::new(marked).unwrap());
        assert_eq!(found.as_deref(), Some("t1"));
        assert_eq!(mark("{ }"), format!("{{ \"{MARKER}\":\"t1\"}}"));
    }

    #[test]
    fn a_mark_of_the_hosts_own_does_not_win() {
        let marked = mark(&json!({MARKER: "theirs"}).to_string());

        let read: Value = serde_json::from_str(&marked).unwrap();
        assert_eq!(read[MARKER], "t1");
    }

    #[test]
    fn what_is_no_object_or_holds_no_mark_has_none() {
        assert_eq!(mark("[1]"), "[1]");
        for content in [
            "[1]",
            "{}",
            r#"{"io.github.matrix-bridge.transaction_id":7}"#,
        ] {
            let content = RawJson::new(content.to_owned()).unwrap();
            assert_eq!(transaction_id_in(&content), None);
        }
    }
}
