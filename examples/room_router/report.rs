//! What the store holds for a person, as JSON, one object a line.

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::PathBuf,
};

use matrix_bridge::{
    Account, Action, ListState, NewParkedEvent, OutboundQueue as _, Row, RowId, RowState,
    SqliteConfig, SqliteStore, StateStore as _, StoreError, Target, Timestamp, ruma::OwnedUserId,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Fatal, args::Task};

/// So many rows are held at once.
const PAGE: usize = 500;

/// The report that `task` asks for, on stdout.
pub(crate) async fn print(
    task: Task,
    path: PathBuf,
    user: Option<OwnedUserId>,
) -> Result<(), Fatal> {
    let store = SqliteConfig::new(path).open_reader()?;
    let mut out = BufWriter::new(io::stdout());
    let result = match task {
        Task::ShadowReport => rows(&store, ListState::Shadow, &mut out).await,
        _ => parked(&store, user, &mut out).await,
    };
    let result = result.and_then(|()| out.flush().map_err(Stopped::Output));
    finished(result)
}

/// A text on stdout.
pub(crate) fn print_text(text: &str) -> Result<(), Fatal> {
    let written = io::stdout().write_all(text.as_bytes());
    finished(written.map_err(Stopped::Output))
}

enum Stopped {
    Output(io::Error),
    Store(StoreError),
}

fn finished(result: Result<(), Stopped>) -> Result<(), Fatal> {
    match result {
        Ok(()) => Ok(()),
        // Such as `head`, which has seen enough.
        Err(Stopped::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stopped::Output(error)) => Err(Fatal::failed("writing to stdout", &error)),
        Err(Stopped::Store(error)) => Err(Fatal::failed("reading the store", &error)),
    }
}

async fn rows(
    store: &SqliteStore,
    state: ListState,
    out: &mut (impl Write + Send),
) -> Result<(), Stopped> {
    let mut after: Option<RowId> = None;
    loop {
        let page = store.list(state, after, PAGE).await;
        let page = page.map_err(Stopped::Store)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for row in &page {
            line(out, &RowLine::of(row))?;
        }
    }
}

async fn parked(
    store: &SqliteStore,
    user: Option<OwnedUserId>,
    out: &mut (impl Write + Send),
) -> Result<(), Stopped> {
    rows(store, ListState::Parked, out).await?;
    let Some(user) = user else {
        return Ok(());
    };
    let account = Account::from(&*user);
    let events = store
        .parked_events(&account, None, usize::from(u16::MAX))
        .await;
    for parked in events.map_err(Stopped::Store)?.iter().rev() {
        line(out, &EventLine::of(&parked.event))?;
    }
    Ok(())
}

fn line(out: &mut impl Write, value: &impl Serialize) -> Result<(), Stopped> {
    let written = serde_json::to_writer(&mut *out, value).map_err(io::Error::from);
    let written = written.and_then(|()| out.write_all(b"\n"));
    written.map_err(Stopped::Output)
}

/// A row of the outbox.
#[derive(Debug, Serialize)]
struct RowLine<'a> {
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
}

impl<'a> RowLine<'a> {
    fn of(row: &'a Row) -> Self {
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
struct EventLine<'a> {
    room: &'a str,
    event: Option<&'a str>,
    reason: String,
    time: String,
}

impl<'a> EventLine<'a> {
    fn of(event: &'a NewParkedEvent) -> Self {
        Self {
            room: event.room.as_str(),
            event: event.event_id.as_ref().map(|id| id.as_str()),
            reason: event.reason.to_string(),
            time: rfc3339(event.at),
        }
    }
}

/// A point in time in UTC, to the millisecond.
fn rfc3339(at: Timestamp) -> String {
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
