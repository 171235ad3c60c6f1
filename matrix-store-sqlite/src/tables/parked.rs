//! Events that were given up, kept for a person.

use matrix_bridge_core::{
    Account, ParkCode, ParkReason, ParkedEvent,
    ruma::{OwnedEventId, OwnedRoomId},
};
use rusqlite::{Connection, params};

use crate::{
    fault::Fault,
    fields::{Fields, limit, number, time},
    json,
};

const PUSH: &str = "\
    INSERT INTO parked_event (account, room, event_id, code, detail, at, raw) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const NEWEST: &str = "\
    SELECT id, room, event_id, code, detail, at, raw \
    FROM parked_event WHERE account = ?1 ORDER BY id DESC LIMIT ?2";
const COUNT: &str = "SELECT count(*) FROM parked_event";
const PRUNE: &str = "\
    DELETE FROM parked_event \
    WHERE id IN (SELECT id FROM parked_event ORDER BY id LIMIT ?1)";

pub(super) fn push(
    connection: &Connection,
    account: &Account,
    event: &ParkedEvent,
) -> Result<(), Fault> {
    let ParkedEvent {
        room,
        event_id,
        raw,
        reason: ParkReason { code, detail },
        at,
    } = event;
    connection.prepare_cached(PUSH)?.execute(params![
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
    most: usize,
) -> Result<Vec<ParkedEvent>, Fault> {
    let mut statement = connection.prepare_cached(NEWEST)?;
    let mut rows = statement.query(params![account.as_str(), limit(most)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "parked_event");
        events.push(ParkedEvent {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            event_id: fields.parse_optional("event_id", OwnedEventId::try_from)?,
            raw: fields.bytes("raw", json::raw)?,
            reason: ParkReason {
                code: fields.name("code", ParkCode::from_name)?,
                detail: fields.get("detail")?,
            },
            at: fields.time("at")?,
        });
    }
    Ok(events)
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
