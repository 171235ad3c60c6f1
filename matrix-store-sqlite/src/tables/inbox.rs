//! What is received and not yet handled, and what is known to be missing.

use matrix_bridge_core::{
    Account, GapFill, InboxEntry, InboxId, InboxItem, InboxLane, InboxRetry, NewInboxEntry, Record,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, number, time},
    json,
};

const HAS: &str = "SELECT 1 FROM inbox WHERE id = ?1 AND account = ?2";
pub(crate) const IS_OPEN_GAP: &str = "\
    SELECT 1 FROM inbox AS it WHERE id = ?1 AND account = ?2 AND gap IS NOT NULL \
    AND id = (SELECT id FROM inbox AS other WHERE account = ?2 AND other.room = it.room \
    ORDER BY place, id LIMIT 1)";
const PUSH: &str = "\
    INSERT INTO inbox \
    (id, account, room, place, event_id, received, sent, is_catch_up, attempts, due, raw, gap) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const PUT_OFF: &str = "UPDATE inbox SET attempts = ?2, due = ?3 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM inbox WHERE id = ?1";
/// What was put behind the gap before is one place up.
const MAKE_PLACE: &str = "UPDATE inbox SET place = place - 1 WHERE id = ?1 RETURNING place";
const SET_GAP: &str = "UPDATE inbox SET gap = ?2 WHERE id = ?1";
pub(crate) const ENTRIES: &str = "\
    SELECT id, room, event_id, received, sent, is_catch_up, attempts, due, raw, gap FROM inbox \
    WHERE account = ?1 AND room = ?2 ORDER BY place, id LIMIT ?3";
pub(crate) const PAGE: &str = "\
    SELECT id, account, place, room, event_id, received, sent, is_catch_up, attempts, due, raw, gap \
    FROM inbox WHERE (account, room, place, id) >= (?1, ?2, ?3, ?4) \
    ORDER BY account, room, place, id LIMIT ?5 OFFSET ?6";
const LANES: &str = "\
    SELECT lane.room, lane.entries, first.received FROM ( \
        SELECT room, count(*) AS entries FROM inbox \
        WHERE account = ?1 AND room > ?2 GROUP BY room ORDER BY room LIMIT ?3 \
    ) AS lane JOIN inbox AS first ON first.id = ( \
        SELECT id FROM inbox WHERE account = ?1 AND room = lane.room \
        ORDER BY place, id LIMIT 1 \
    ) ORDER BY lane.room";
/// Below the place of every new entry, and of what it will fill.
const FIRST_RESTORED: i64 = i64::MIN / 2;

/// Whether that entry is in the inbox of that account.
pub(super) fn has(connection: &Connection, account: &Account, id: InboxId) -> Result<bool, Fault> {
    exists(connection, HAS, account, id)
}

/// Whether that entry is a gap and the first of its room.
pub(crate) fn is_open_gap(
    connection: &Connection,
    account: &Account,
    id: InboxId,
) -> Result<bool, Fault> {
    exists(connection, IS_OPEN_GAP, account, id)
}

fn exists(
    connection: &Connection,
    sql: &str,
    account: &Account,
    id: InboxId,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![number(id.0), account.as_str()], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// Puts an entry at the end of its room.
pub(super) fn push(
    connection: &Connection,
    account: &Account,
    entry: &NewInboxEntry,
) -> Result<(), Fault> {
    insert(connection, None, account, 0, entry)
}

/// Takes in an entry that has an id already, behind the `before` others of its room.
pub(crate) fn restore(
    connection: &Connection,
    account: &Account,
    before: u64,
    entry: &InboxEntry,
) -> Result<(), Fault> {
    let InboxEntry { id, entry } = entry;
    let place = FIRST_RESTORED.saturating_add_unsigned(before);
    insert(connection, Some(*id), account, place, entry)
}

/// Under a new id if none is given.
fn insert(
    connection: &Connection,
    id: Option<InboxId>,
    account: &Account,
    place: i64,
    entry: &NewInboxEntry,
) -> Result<(), Fault> {
    let NewInboxEntry {
        room,
        item,
        received,
        sent,
        is_catch_up,
        attempts,
        due,
    } = entry;
    let (event_id, raw, gap) = match item {
        InboxItem::Event { event_id, raw } => (Some(event_id.as_str()), Some(raw), None),
        InboxItem::Gap(gap) => (None, None, Some(json::encode(gap)?)),
    };
    connection.prepare_cached(PUSH)?.execute(params![
        id.map(|id| number(id.0)),
        account.as_str(),
        room.as_str(),
        place,
        event_id,
        time(*received),
        time(*sent),
        is_catch_up,
        attempts,
        time(*due),
        raw.map(|raw| raw.as_str().as_bytes()),
        gap,
    ])?;
    Ok(())
}

/// The gap is the first of its room.
pub(super) fn fill(
    connection: &Connection,
    account: &Account,
    fill: &GapFill,
) -> Result<(), Fault> {
    let GapFill { gap, entries, rest } = fill;
    let id = number(gap.0);
    let place = connection
        .prepare_cached(MAKE_PLACE)?
        .query_row([id], |row| row.get(0))?;
    for entry in entries {
        insert(connection, None, account, place, entry)?;
    }
    match rest {
        Some(rest) => {
            let mut set = connection.prepare_cached(SET_GAP)?;
            set.execute(params![id, json::encode(rest)?])?;
            Ok(())
        }
        None => remove(connection, *gap),
    }
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

pub(crate) fn entries(
    connection: &Connection,
    account: &Account,
    room: &RoomId,
    most: usize,
) -> Result<Vec<InboxEntry>, Fault> {
    let mut statement = connection.prepare_cached(ENTRIES)?;
    let mut rows = statement.query(params![account.as_str(), room.as_str(), limit(most)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(&Fields::new(row, "inbox"))?);
    }
    Ok(entries)
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
            entries: fields.number("entries")?,
            oldest: fields.time("received")?,
        });
    }
    Ok(lanes)
}

/// An entry's account and room, its column `place` and its id, and how many entries of
/// its room come before it.
type Key = (String, String, i64, u64, u64);

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<Key>::behind(place)?;
    if !part.is_behind {
        part.key.2 = i64::MIN;
    }
    let mut statement = connection.prepare_cached(PAGE)?;
    let (account, room, place, id, _) = &part.key;
    let (id, most) = (number(*id), limit(most));
    let mut rows = statement.query(params![account, room, place, id, most, part.is_behind])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "inbox");
        let entry = read(&fields)?;
        let account: String = fields.get("account")?;
        let room = entry.entry.room.to_string();
        let (_, _, _, _, before) = part.key;
        // No room has the empty name, with which a page at the beginning starts.
        let is_same = (&account, &room) == (&part.key.0, &part.key.1);
        let before = if is_same { before + 1 } else { 0 };
        let key = (
            account.clone(),
            room,
            fields.get("place")?,
            entry.id.0,
            before,
        );
        let record = Record::Inbox {
            account: Account::new(account),
            place: before,
            entry,
        };
        part.push(key, record);
    }
    part.end()
}

fn read(fields: &Fields<'_>) -> Result<InboxEntry, Fault> {
    Ok(InboxEntry {
        id: InboxId(fields.number("id")?),
        entry: NewInboxEntry {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            item: item(fields)?,
            received: fields.time("received")?,
            sent: fields.time("sent")?,
            is_catch_up: fields.get("is_catch_up")?,
            attempts: fields.get("attempts")?,
            due: fields.time("due")?,
        },
    })
}

fn item(fields: &Fields<'_>) -> Result<InboxItem, Fault> {
    let event_id = fields.parse_optional("event_id", OwnedEventId::try_from)?;
    Ok(match event_id {
        Some(event_id) => InboxItem::Event {
            event_id,
            raw: fields.bytes("raw", json::raw)?,
        },
        None => InboxItem::Gap(fields.bytes("gap", |bytes| json::decode(&bytes))?),
    })
}
