//! What is known about rooms.

use matrix_bridge_core::{
    Account, LastSeen, Membership, Record, RoomFacts,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use rusqlite::{Connection, Row, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, time},
};

const SET: &str = "\
    INSERT OR REPLACE INTO room \
    (account, room, membership, since, encrypted, successor, last_seen, last_seen_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const GET: &str = "\
    SELECT room, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE account = ?1 AND room = ?2";
const LIST: &str = "\
    SELECT room, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE account = ?1 AND membership = ?2 AND room > ?3 ORDER BY room LIMIT ?4";
pub(crate) const PAGE: &str = "\
    SELECT room, account, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE (account, room) >= (?1, ?2) ORDER BY account, room LIMIT ?3 OFFSET ?4";
const ENCRYPTED: &str = "SELECT count(*) FROM room WHERE account = ?1 AND encrypted = 1";
const IS_LAST_SEEN: &str =
    "SELECT EXISTS (SELECT 1 FROM room WHERE account = ?1 AND last_seen = ?2)";

pub(crate) fn set(
    connection: &Connection,
    account: &Account,
    facts: &RoomFacts,
) -> Result<(), Fault> {
    let RoomFacts {
        room,
        membership,
        since,
        encrypted,
        successor,
        last_seen,
    } = facts;
    let last_seen_at = last_seen.as_ref().map(|last| time(last.at));
    connection.prepare_cached(SET)?.execute(params![
        account.as_str(),
        room.as_str(),
        membership.as_str(),
        time(*since),
        encrypted,
        successor.as_ref().map(|room| room.as_str()),
        last_seen.as_ref().map(|last| last.event_id.as_str()),
        last_seen_at,
    ])?;
    Ok(())
}

pub(crate) fn facts(
    connection: &Connection,
    account: &Account,
    rooms: &[OwnedRoomId],
) -> Result<Vec<Option<RoomFacts>>, Fault> {
    let mut statement = connection.prepare_cached(GET)?;
    let mut facts = Vec::with_capacity(rooms.len());
    for room in rooms {
        let mut rows = statement.query([account.as_str(), room.as_str()])?;
        facts.push(rows.next()?.map(read).transpose()?);
    }
    Ok(facts)
}

pub(crate) fn list(
    connection: &Connection,
    account: &Account,
    membership: Membership,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<RoomFacts>, Fault> {
    let mut statement = connection.prepare_cached(LIST)?;
    // Every room id is larger than nothing.
    let after = after.map_or("", RoomId::as_str);
    let mut rows = statement.query(params![
        account.as_str(),
        membership.as_str(),
        after,
        limit(most)
    ])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(read(row)?);
    }
    Ok(list)
}

pub(crate) fn encrypted(connection: &Connection, account: &Account) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(ENCRYPTED)?;
    let count: i64 = statement.query_row([account.as_str()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Looks through all rooms; for a reader, which keeps none in memory.
pub(crate) fn is_last_seen(
    connection: &Connection,
    account: &Account,
    event: &OwnedEventId,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(IS_LAST_SEEN)?;
    Ok(statement.query_row([account.as_str(), event.as_str()], |row| row.get(0))?)
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<(String, String)>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let (account, room) = &part.key;
    let mut rows = statement.query(params![account, room, limit(most), part.is_behind])?;
    while let Some(row) = rows.next()? {
        let account: String = Fields::new(row, "room").get("account")?;
        let facts = read(row)?;
        let key = (account.clone(), facts.room.to_string());
        let account = Account::new(account);
        part.push(key, Record::Room { account, facts });
    }
    part.end()
}

fn read(row: &Row<'_>) -> Result<RoomFacts, Fault> {
    let fields = Fields::new(row, "room");
    let event_id = fields.parse_optional("last_seen", OwnedEventId::try_from)?;
    let last_seen = match event_id {
        Some(event_id) => Some(LastSeen {
            event_id,
            at: fields.time("last_seen_at")?,
        }),
        None => None,
    };
    Ok(RoomFacts {
        room: fields.parse("room", OwnedRoomId::try_from)?,
        membership: fields.name("membership", membership)?,
        since: fields.time("since")?,
        encrypted: fields.get("encrypted")?,
        successor: fields.parse_optional("successor", OwnedRoomId::try_from)?,
        last_seen,
    })
}

fn membership(name: &str) -> Option<Membership> {
    [
        Membership::Unknown,
        Membership::Invite,
        Membership::Join,
        Membership::Leave,
    ]
    .into_iter()
    .find(|membership| membership.as_str() == name)
}
