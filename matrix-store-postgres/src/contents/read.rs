//! The records of each table, page by page.

use bytes::Bytes;
use matrix_bridge_core::{
    Account, Counted, Digest, Fence, Generation, LeaseName, Outcome, Page, Place, Position, Record,
    RowState, SourceId, ValueKey, ruma::OwnedEventId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_postgres::Row;

use crate::{
    fault::{Fault, Reason},
    fields::{Fields, limit},
    outbox::{outcome, row},
    session::Session,
    tables::{inbox, link, parked, room},
};

const SIZE: &str = "\
    SELECT (SELECT count(*) FROM source) + (SELECT count(*) FROM mark) \
    + (SELECT count(*) FROM room) + (SELECT count(*) FROM inbox) \
    + (SELECT count(*) FROM parked_event) + (SELECT count(*) FROM value) \
    + (SELECT count(*) FROM lease) + (SELECT count(*) FROM outbox) \
    + (SELECT count(*) FROM outcome) + (SELECT count(*) FROM link) AS n";
const SOURCES: &str =
    "SELECT id, name, position, generation FROM source WHERE id > $1 ORDER BY id LIMIT $2";
const MARKS: &str = "SELECT seq, digest, at FROM mark WHERE seq > $1 ORDER BY seq LIMIT $2";
const ROOMS: &str = "\
    SELECT account, room, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE (account, room) > ($1, $2) ORDER BY account, room LIMIT $3";
const INBOX: &str = "\
    SELECT account, place, id, room, event_id, received, sent, is_catch_up, attempts, due, raw, \
        gap \
    FROM inbox WHERE (account, room, place, id) > ($1, $2, $3, $4) \
    ORDER BY account, room, place, id LIMIT $5";
const PARKED_EVENTS: &str = "\
    SELECT id, account, room, event_id, code, detail, at, raw FROM parked_event \
    WHERE id > $1 ORDER BY id LIMIT $2";
const VALUES: &str =
    "SELECT id, namespace, key, value FROM value WHERE id > $1 ORDER BY id LIMIT $2";
const LEASES: &str = "SELECT id, name, fence FROM lease WHERE id > $1 ORDER BY id LIMIT $2";
const ROWS: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"
);
const OUTCOMES: &str = "\
    SELECT id, cursor, at, event_id, code, detail, key FROM outcome \
    WHERE cursor > $1 ORDER BY cursor LIMIT $2";
const UNNUMBERED: &str = "SELECT 1 FROM outcome WHERE cursor IS NULL LIMIT 1";
const LINKS: &str = "\
    SELECT id, namespace, host_id, part, kind, event_id FROM link \
    WHERE id > $1 ORDER BY id LIMIT $2";

/// The parts of a store, in the order in which they are read.
const PARTS: [Part; 11] = [
    Part::Sources,
    Part::Marks,
    Part::Rooms,
    Part::Inbox,
    Part::ParkedEvents,
    Part::Values,
    Part::Leases,
    Part::Rows,
    Part::Outcomes,
    Part::Links,
    Part::Last,
];

#[derive(Clone, Copy)]
enum Part {
    Sources,
    Marks,
    Rooms,
    Inbox,
    ParkedEvents,
    Values,
    Leases,
    Rows,
    Outcomes,
    Links,
    Last,
}

/// How many records there are.
pub(super) async fn size(mut session: Session) -> Result<u64, Fault> {
    let rows = session.rows(SIZE, &[]).await?;
    let row = rows.first().ok_or(Fault::Slow)?;
    Ok(Fields::new(row, "all tables").number("n")? + Counted::ALL.len() as u64)
}

/// The next records from `place` on.
pub(super) async fn page(mut session: Session, place: Place, most: usize) -> Result<Page, Fault> {
    let Some(part) = PARTS.get(place.part) else {
        let records = Vec::new();
        return Ok(Page {
            records,
            next: None,
        });
    };
    let after = match place.after.as_str() {
        "" => None,
        after => Some(after),
    };
    let (records, last) = read(&mut session, *part, after, most).await?;
    let next = match last.filter(|_| records.len() >= most) {
        Some(after) => Some(Place {
            part: place.part,
            after,
        }),
        None if place.part + 1 < PARTS.len() => Some(Place {
            part: place.part + 1,
            after: String::new(),
        }),
        None => None,
    };
    Ok(Page { records, next })
}

/// Some records, and where the last of them stood.
type Read = Result<(Vec<Record>, Option<String>), Fault>;

async fn read(session: &mut Session, part: Part, after: Option<&str>, most: usize) -> Read {
    match part {
        Part::Sources => by_digest(session, SOURCES, after, most, source).await,
        Part::Marks => by_number(session, MARKS, "seq", after, most, mark).await,
        Part::Rooms => rooms(session, after, most).await,
        Part::Inbox => entries(session, after, most).await,
        Part::ParkedEvents => by_number(session, PARKED_EVENTS, "id", after, most, event).await,
        Part::Values => by_digest(session, VALUES, after, most, value).await,
        Part::Leases => by_digest(session, LEASES, after, most, lease).await,
        Part::Rows => by_number(session, ROWS, "id", after, most, outbox_row).await,
        Part::Outcomes => {
            while !session.rows(UNNUMBERED, &[]).await?.is_empty() {
                outcome::number_new(session).await?;
            }
            by_number(session, OUTCOMES, "cursor", after, most, became).await
        }
        Part::Links => by_digest(session, LINKS, after, most, linked).await,
        Part::Last => last(session, after, most).await,
    }
}

async fn by_number(
    session: &mut Session,
    sql: &str,
    column: &'static str,
    after: Option<&str>,
    most: usize,
    record: fn(&Row) -> Result<Record, Fault>,
) -> Read {
    let after: i64 = decoded(after)?.unwrap_or(i64::MIN);
    let rows = session.rows(sql, &[&after, &limit(most)]).await?;
    let last = rows.last().map(|row| row.try_get::<_, i64>(column));
    let last = last.transpose()?.map(|last| encoded(&last));
    let records = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok((records, last.transpose()?))
}

async fn by_digest(
    session: &mut Session,
    sql: &str,
    after: Option<&str>,
    most: usize,
    record: fn(&Row) -> Result<Record, Fault>,
) -> Read {
    let after: Vec<u8> = decoded(after)?.unwrap_or_default();
    let rows = session.rows(sql, &[&after, &limit(most)]).await?;
    let last = rows.last().map(|row| row.try_get::<_, Vec<u8>>("id"));
    let last = last.transpose()?.map(|last| encoded(&last));
    let records = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok((records, last.transpose()?))
}

async fn rooms(session: &mut Session, after: Option<&str>, most: usize) -> Read {
    let (account, room): (String, String) = decoded(after)?.unwrap_or_default();
    let rows = session
        .rows(ROOMS, &[&account, &room, &limit(most)])
        .await?;
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        records.push(Record::Room {
            account: account_of(row)?,
            facts: room::read(row)?,
        });
    }
    let last = match rows.last() {
        Some(row) => {
            let (account, room): (String, String) = (row.try_get("account")?, row.try_get("room")?);
            Some(encoded(&(account, room))?)
        }
        None => None,
    };
    Ok((records, last))
}

/// Where the last entry that was read stands, and how many of its room came before it.
#[derive(Default, Deserialize, Serialize)]
struct LastEntry {
    account: String,
    room: String,
    place: i64,
    id: i64,
    nth: u64,
}

async fn entries(session: &mut Session, after: Option<&str>, most: usize) -> Read {
    let mut last: Option<LastEntry> = decoded(after)?;
    let none = LastEntry {
        place: i64::MIN,
        ..LastEntry::default()
    };
    let from = last.as_ref().unwrap_or(&none);
    let rows = session
        .rows(
            INBOX,
            &[
                &from.account,
                &from.room,
                &from.place,
                &from.id,
                &limit(most),
            ],
        )
        .await?;
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        let (account, room): (String, String) = (row.try_get("account")?, row.try_get("room")?);
        let before = last.filter(|last| last.account == account && last.room == room);
        let nth = before.map_or(0, |last| last.nth + 1);
        records.push(Record::Inbox {
            account: account_of(row)?,
            place: nth,
            entry: inbox::read(row)?,
        });
        last = Some(LastEntry {
            account,
            room,
            place: row.try_get("place")?,
            id: row.try_get("id")?,
            nth,
        });
    }
    let last = last.map(|last| encoded(&last)).transpose()?;
    Ok((records, last))
}

fn account_of(row: &Row) -> Result<Account, Fault> {
    Fields::new(row, "room").text("account").map(Account::new)
}

fn source(row: &Row) -> Result<Record, Fault> {
    let fields = Fields::new(row, "source");
    Ok(Record::Source {
        source: SourceId::new(fields.text("name")?),
        checkpoint: matrix_bridge_core::Checkpoint {
            position: fields.optional_text("position")?.map(Position::new),
            generation: Generation(fields.number("generation")?),
        },
    })
}

fn mark(row: &Row) -> Result<Record, Fault> {
    let fields = Fields::new(row, "mark");
    let bytes: Vec<u8> = fields.get("digest")?;
    let bytes = bytes.try_into();
    let wrong = |_| fields.corrupt("digest", Reason("it is not as long as a digest"));
    Ok(Record::Mark {
        digest: Digest::from_bytes(bytes.map_err(wrong)?),
        at: fields.time("at")?,
    })
}

fn event(row: &Row) -> Result<Record, Fault> {
    Ok(Record::ParkedEvent {
        account: account_of(row)?,
        event: parked::read(row)?,
    })
}

fn value(row: &Row) -> Result<Record, Fault> {
    let fields = Fields::new(row, "value");
    Ok(Record::Value {
        key: ValueKey::new(fields.text("namespace")?, fields.text("key")?),
        value: Bytes::from(fields.get::<Vec<u8>>("value")?),
    })
}

fn lease(row: &Row) -> Result<Record, Fault> {
    let fields = Fields::new(row, "lease");
    Ok(Record::Lease {
        name: LeaseName::new(fields.text("name")?),
        fence: Fence(fields.number("fence")?),
    })
}

fn outbox_row(stored: &Row) -> Result<Record, Fault> {
    let fields = Fields::new(stored, "outbox");
    let mut row = row::read(stored)?;
    if let RowState::Claimed { .. } = row.state {
        let due = fields.time("due")?;
        row.state = RowState::Waiting { due };
    }
    Ok(Record::Row {
        row: Box::new(row),
        settled: fields.optional_time("settled")?,
    })
}

fn became(row: &Row) -> Result<Record, Fault> {
    outcome::read(row).map(|outcome: Outcome| Record::Outcome(outcome))
}

fn linked(row: &Row) -> Result<Record, Fault> {
    Ok(Record::Link {
        link: link::read(row)?,
        event: Fields::new(row, "link").parse("event_id", OwnedEventId::try_from)?,
    })
}

/// The last number that each counter has given.
async fn last(session: &mut Session, after: Option<&str>, most: usize) -> Read {
    let done: usize = decoded(after)?.unwrap_or(0);
    let mut records = Vec::new();
    for of in Counted::ALL.into_iter().skip(done).take(most) {
        let sequence = sequence(of);
        let sql =
            format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM {sequence}");
        let rows = session.rows(&sql, &[]).await?;
        let row = rows.first().ok_or(Fault::Slow)?;
        let number = Fields::new(row, sequence).number("n")?;
        records.push(Record::Last { of, number });
    }
    let last = encoded(&(done + records.len()))?;
    Ok((records, Some(last)))
}

/// What counts it.
pub(super) const fn sequence(of: Counted) -> &'static str {
    match of {
        Counted::Rows => "row_id",
        Counted::Inbox => "inbox_id",
        Counted::ParkedEvents => "parked_event_id",
        Counted::Claims => "claim_token",
        Counted::Outcomes => "outcome_cursor",
    }
}

fn encoded(after: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(after).map_err(|error| Fault::Invalid(error.into()))
}

fn decoded<T: DeserializeOwned>(after: Option<&str>) -> Result<Option<T>, Fault> {
    let read = after.map(serde_json::from_str).transpose();
    read.map_err(|error| Fault::Invalid(error.into()))
}
