//! Events that were given up, kept for a person.

use matrix_bridge_core::{
    Account, NewParkedEvent, ParkCode, ParkReason, ParkedEvent, ParkedEventId, Record,
    ruma::{OwnedEventId, OwnedRoomId},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, number, time},
    json,
};

const PUSH: &str = "\
    INSERT INTO parked_event (id, account, room, event_id, code, detail, at, raw) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const HAS: &str = "SELECT 1 FROM parked_event WHERE id = ?1 AND account = ?2";
const REMOVE: &str = "DELETE FROM parked_event WHERE id = ?1";
const NEWEST: &str = "\
    SELECT id, room, event_id, code, detail, at, raw FROM parked_event \
    WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(crate) const PAGE: &str = "\
    SELECT id, account, room, event_id, code, detail, at, raw FROM parked_event \
    WHERE id > ?1 ORDER BY id LIMIT ?2";
const COUNT: &str = "SELECT rows FROM record_count WHERE name = 'parked_event'";
const PRUNE: &str = "\
    DELETE FROM parked_event \
    WHERE id IN (SELECT id FROM parked_event ORDER BY id LIMIT ?1)";

/// Whether that event is parked, and of that account.
pub(super) fn has(
    connection: &Connection,
    account: &Account,
    id: ParkedEventId,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(HAS)?;
    let found = statement.query_row(params![number(id.0), account.as_str()], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

pub(super) fn remove(connection: &Connection, id: ParkedEventId) -> Result<(), Fault> {
    connection.prepare_cached(REMOVE)?.execute([number(id.0)])?;
    Ok(())
}

pub(super) fn push(
    connection: &Connection,
    account: &Account,
    event: &NewParkedEvent,
) -> Result<(), Fault> {
    insert(connection, None, account, event)
}

/// Takes in an event that has an id already.
pub(crate) fn restore(
    connection: &Connection,
    account: &Account,
    event: &ParkedEvent,
) -> Result<(), Fault> {
    let ParkedEvent { id, event } = event;
    insert(connection, Some(*id), account, event)
}

/// Under a new id if none is given.
fn insert(
    connection: &Connection,
    id: Option<ParkedEventId>,
    account: &Account,
    event: &NewParkedEvent,
) -> Result<(), Fault> {
    let NewParkedEvent {
        room,
        event_id,
        raw,
        reason: ParkReason { code, detail },
        at,
    } = event;
    connection.prepare_cached(PUSH)?.execute(params![
        id.map(|id| number(id.0)),
        account.as_str(),
        room.as_str(),
        event_id.as_ref().map(|id| id.as_str()),
        code.as_str(),
        detail,
        time(*at),
        raw.as_str().as_bytes(),
    ])?;
    Ok(())
}

pub(crate) fn newest(
    connection: &Connection,
    account: &Account,
    before: Option<ParkedEventId>,
    most: usize,
) -> Result<Vec<ParkedEvent>, Fault> {
    let mut statement = connection.prepare_cached(NEWEST)?;
    let before = before.map_or(i64::MAX, |id| number(id.0));
    let mut rows = statement.query(params![account.as_str(), before, limit(most)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "parked_event");
        events.push(ParkedEvent {
            id: ParkedEventId(fields.number("id")?),
            event: read(&fields)?,
        });
    }
    Ok(events)
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<u64>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![number(part.key), limit(most)])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "parked_event");
        let id = fields.number("id")?;
        let record = Record::ParkedEvent {
            account: Account::new(fields.get::<String>("account")?),
            event: ParkedEvent {
                id: ParkedEventId(id),
                event: read(&fields)?,
            },
        };
        part.push(id, record);
    }
    part.end()
}

/// Removes the oldest of those beyond `max`, `at_once` at most.
pub(super) fn prune(connection: &Connection, max: u64, at_once: u64) -> Result<u64, Fault> {
    let count: i64 = connection
        .prepare_cached(COUNT)?
        .query_row([], |row| row.get(0))?;
    let excess = count.unsigned_abs().saturating_sub(max).min(at_once);
    if excess == 0 {
        return Ok(0);
    }
    let removed = connection
        .prepare_cached(PRUNE)?
        .execute([number(excess)])?;
    Ok(removed as u64)
}

fn read(fields: &Fields<'_>) -> Result<NewParkedEvent, Fault> {
    Ok(NewParkedEvent {
        room: fields.parse("room", OwnedRoomId::try_from)?,
        event_id: fields.parse_optional("event_id", OwnedEventId::try_from)?,
        raw: fields.bytes("raw", json::raw)?,
        reason: ParkReason {
            code: fields.name("code", ParkCode::from_name)?,
            detail: fields.get("detail")?,
        },
        at: fields.time("at")?,
    })
}
