//! Rows and events as a person reads them, and what shadow mode recorded.

use std::io::{self, BufWriter, Write};

use matrix_bridge::{
    Action, ListState, ParkedEvent, Row, RowId, RowState, Store, Target, Timestamp,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Fatal,
    config::StorePlace,
    out::{Stopped, finished, flush, line},
    parked::{Name, text},
};

/// So many rows or events are held at once.
pub(crate) const PAGE: usize = 500;

/// What shadow mode recorded, on stdout.
pub(crate) async fn print_shadow(place: StorePlace) -> Result<(), Fatal> {
    let store = place.open_reader().await?;
    let mut out = BufWriter::new(io::stdout());
    let result = shadow_rows(&*store, &mut out).await;
    finished(result.and_then(|()| flush(&mut out)))
}

async fn shadow_rows(store: &dyn Store, out: &mut (impl Write + Send)) -> Result<(), Stopped> {
    let mut after: Option<RowId> = None;
    loop {
        let page = store.list(ListState::Shadow, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for row in &page {
            line(out, &RowLine::of(row))?;
        }
    }
}

/// A row of the outbox.
#[derive(Debug, Serialize)]
pub(crate) struct RowLine<'a> {
    room: &'a str,
    thread: Option<String>,
    in_reply_to: Option<String>,
    body: Option<String>,
    time: String,
    action: &'static str,
    event_type: Option<&'a str>,
    target: Option<&'a str>,
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    parked: Option<ParkedRow>,
}

/// What a row of those that were given up has in addition.
#[derive(Debug, Serialize)]
struct ParkedRow {
    row: String,
    code: &'static str,
    attempts: u32,
    replaceable: bool,
}

impl<'a> RowLine<'a> {
    pub(crate) fn of(row: &'a Row) -> Self {
        let mut line = Self {
            room: row.body.address.room().as_str(),
            thread: None,
            in_reply_to: None,
            body: None,
            time: rfc3339(row.created),
            action: "other",
            event_type: None,
            target: None,
            cause: row.body.cause.as_ref().map(|id| id.as_str()),
            reason: match &row.state {
                RowState::Parked { reason } => Some(reason.to_string()),
                _ => None,
            },
            parked: ParkedRow::of(row),
        };
        match &row.body.action {
            Action::Message {
                event_type,
                content,
            } => {
                line.action = "send";
                line.event_type = Some(event_type);
                line.fill(content.decode().unwrap_or_default());
            }
            Action::Relate {
                event_type,
                content,
                ..
            } => {
                line.action = "relate";
                line.event_type = Some(event_type);
                line.fill(content.decode().unwrap_or_default());
            }
            Action::State { event_type, .. } => {
                line.action = "state";
                line.event_type = Some(event_type);
            }
            Action::Redact { target, .. } => {
                line.action = "redact";
                if let Target::Event(event) = target {
                    line.target = Some(event.as_str());
                }
            }
            Action::Join => line.action = "join",
            Action::Leave => line.action = "leave",
            Action::Invite { user } => {
                line.action = "invite";
                line.target = Some(user.as_str());
            }
            _ => {}
        }
        line
    }

    fn fill(&mut self, content: Content) {
        let relates_to = content.relates_to.unwrap_or_default();
        if relates_to.rel_type.as_deref() == Some("m.thread") {
            self.thread = relates_to.event_id;
        }
        self.in_reply_to = relates_to.in_reply_to.map(|reply| reply.event_id);
        self.body = content.body;
    }
}

impl ParkedRow {
    fn of(row: &Row) -> Option<Self> {
        let RowState::Parked { reason } = &row.state else {
            return None;
        };
        let has_text = text::with_text(&row.body.action, "").is_some();
        Some(Self {
            row: Name::Row(row.id).to_string(),
            code: reason.code.as_str(),
            attempts: row.attempts,
            replaceable: reason.code.is_known_not_sent() && has_text,
        })
    }
}

/// The parts of a content that the report shows; it is our own, so its types are known.
#[derive(Debug, Default, Deserialize)]
struct Content {
    body: Option<String>,
    #[serde(rename = "m.relates_to")]
    relates_to: Option<RelatesTo>,
}

#[derive(Debug, Default, Deserialize)]
struct RelatesTo {
    rel_type: Option<String>,
    event_id: Option<String>,
    #[serde(rename = "m.in_reply_to")]
    in_reply_to: Option<InReplyTo>,
}

#[derive(Debug, Deserialize)]
struct InReplyTo {
    event_id: String,
}

/// An event that was parked.
#[derive(Debug, Serialize)]
pub(crate) struct EventLine<'a> {
    room: &'a str,
    event: Option<&'a str>,
    reason: String,
    time: String,
    parked_event: String,
    code: &'static str,
    retryable: bool,
}

impl<'a> EventLine<'a> {
    pub(crate) fn of(parked: &'a ParkedEvent) -> Self {
        let ParkedEvent { id, event } = parked;
        Self {
            room: event.room.as_str(),
            event: event.event_id.as_ref().map(|id| id.as_str()),
            reason: event.reason.to_string(),
            time: rfc3339(event.at),
            parked_event: Name::Event(*id).to_string(),
            code: event.reason.code.as_str(),
            retryable: event.event_id.is_some(),
        }
    }
}

/// A point in time in UTC, to the millisecond.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX);
    // Beyond the year 9999 there is no such text.
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, second)) = (time.to_calendar_date(), time.to_hms());
    let (month, milli) = (u8::from(month), at.0 % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_millisecond() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            rfc3339(Timestamp(1_709_164_805_042)),
            "2024-02-29T00:00:05.042Z"
        );
        assert_eq!(rfc3339(Timestamp(u64::MAX)).len(), 24);
    }
}
