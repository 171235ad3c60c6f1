//! Events that are received and not yet handled.

use matrix_bridge_core::{
    Account, InboxEvent, InboxId, InboxLane, InboxRetry, NewInboxEvent,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    fault::Fault,
    fields::{Fields, limit, number, time},
    json,
};

const HAS: &str = "SELECT 1 FROM inbox WHERE id = ?1 AND account = ?2";
const PUSH: &str = "\
    INSERT INTO inbox (account, room, event_id, received, is_catch_up, attempts, due, raw) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const PUT_OFF: &str = "UPDATE inbox SET attempts = ?2, due = ?3 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM inbox WHERE id = ?1";
const EVENTS: &str = "\
    SELECT id, room, event_id, received, is_catch_up, attempts, due, raw \
    FROM inbox WHERE account = ?1 AND room = ?2 ORDER BY id LIMIT ?3";
const LANES: &str = "\
    SELECT lane.room, lane.events, first.received FROM ( \
        SELECT room, count(*) AS events, min(id) AS first \
        FROM inbox WHERE account = ?1 AND room > ?2 GROUP BY room ORDER BY room LIMIT ?3 \
    ) AS lane JOIN inbox AS first ON first.id = lane.first ORDER BY lane.room";

/// Whether that event is in the inbox of that account.
pub(super) fn has(connection: &Connection, account: &Account, id: InboxId) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(HAS)?;
    let found = statement.query_row(params![number(id.0), account.as_str()], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

pub(super) fn push(
    connection: &Connection,
    account: &Account,
    event: &NewInboxEvent,
) -> Result<(), Fault> {
    let NewInboxEvent {
        room,
        event_id,
        raw,
        received,
        is_catch_up,
        attempts,
        due,
    } = event;
    connection.prepare_cached(PUSH)?.execute(params![
        account.as_str(),
        room.as_str(),
        event_id.as_str(),
        time(*received),
        is_catch_up,
        attempts,
        time(*due),
        raw.as_str().as_bytes(),
    ])?;
    Ok(())
}

pub(super) fn put_off(connection: &Connection, retry: InboxRetry) -> Result<(), Fault> {
    let InboxRetry { id, attempts, due } = retry;
    connection
        .prepare_cached(PUT_OFF)?
        .execute(params![number(id.0), attempts, time(due)])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: InboxId) -> Result<(), Fault> {
    connection.prepare_cached(REMOVE)?.execute([number(id.0)])?;
    Ok(())
}

pub(crate) fn events(
    connection: &Connection,
    account: &Account,
    room: &RoomId,
    most: usize,
) -> Result<Vec<InboxEvent>, Fault> {
    let mut statement = connection.prepare_cached(EVENTS)?;
    let mut rows = statement.query(params![account.as_str(), room.as_str(), limit(most)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(read(&Fields::new(row, "inbox"))?);
    }
    Ok(events)
}

pub(crate) fn lanes(
    connection: &Connection,
    account: &Account,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<InboxLane>, Fault> {
    let mut statement = connection.prepare_cached(LANES)?;
    let after = after.map_or("", RoomId::as_str);
    let mut rows = statement.query(params![account.as_str(), after, limit(most)])?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "inbox");
        lanes.push(InboxLane {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            events: fields.number("events")?,
            oldest: fields.time("received")?,
        });
    }
    Ok(lanes)
}

fn read(fields: &Fields<'_>) -> Result<InboxEvent, Fault> {
    Ok(InboxEvent {
        id: InboxId(fields.number("id")?),
        event: NewInboxEvent {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            event_id: fields.parse("event_id", OwnedEventId::try_from)?,
            raw: fields.bytes("raw", json::raw)?,
            received: fields.time("received")?,
            is_catch_up: fields.get("is_catch_up")?,
            attempts: fields.get("attempts")?,
            due: fields.time("due")?,
        },
    })
}
