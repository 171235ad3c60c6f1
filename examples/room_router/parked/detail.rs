//! One row or event, whole.

use matrix_bridge::{Action, OrderPolicy, ParkedEvent, RawJson, Row, Timestamp};
use serde::Serialize;

use super::super::report::{EventLine, RowLine, rfc3339};

/// A parked row with what it would send.
#[derive(Debug, Serialize)]
pub(super) struct RowDetail<'a> {
    #[serde(flatten)]
    line: RowLine<'a>,
    sender: &'a str,
    key: &'a str,
    transaction_id: &'a str,
    /// From then on the homeserver may know it.
    first_attempt: Option<String>,
    deadline: Option<String>,
    /// Whether what comes after it in its room waits for it.
    blocks: bool,
    content: Option<RawJson>,
}

/// A parked event as it came.
#[derive(Debug, Serialize)]
pub(super) struct EventDetail<'a> {
    #[serde(flatten)]
    line: EventLine<'a>,
    raw: RawJson,
}

impl<'a> RowDetail<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        let content = match &row.body.action {
            Action::Message { content, .. }
            | Action::Relate { content, .. }
            | Action::State { content, .. } => Some(one_line(content)),
            _ => None,
        };
        let time = |at: Option<Timestamp>| at.map(rfc3339);
        Self {
            line: RowLine::of(row),
            sender: row.sender.user.as_str(),
            key: row.key.as_str(),
            transaction_id: row.transaction_id.as_str(),
            first_attempt: time(row.first_attempt),
            deadline: time(row.body.deadline),
            blocks: row.body.order == OrderPolicy::Block,
            content,
        }
    }
}

impl<'a> EventDetail<'a> {
    pub(super) fn of(parked: &'a ParkedEvent) -> Self {
        Self {
            line: EventLine::of(parked),
            raw: one_line(&parked.event.raw),
        }
    }
}

/// Breaks stand only between the parts of JSON, never in a text of it.
fn one_line(json: &RawJson) -> RawJson {
    let text = json.as_str().replace(['\n', '\r'], " ");
    RawJson::new(text).unwrap_or_else(|_| json.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_on_several_lines_is_shown_on_one() {
        let json = RawJson::new("{\n \"a\":\r\n\"x\\ny\"}".to_owned()).unwrap();

        assert_eq!(one_line(&json).as_str(), "{  \"a\":  \"x\\ny\"}");
    }
}
