//! What is known about rooms.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    Account, LastSeen, Membership, RoomFacts,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use tokio_postgres::Row;

use super::mark;
use crate::{
    fault::Fault,
    fields::{Fields, limit, time},
    session::{Session, Tx},
    text::encode,
};

const SET: &str = "\
    INSERT INTO room (account, room, membership, since, encrypted, successor, last_seen, \
        last_seen_at, last_digest) \
    SELECT $1, new.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::boolean[], \
        $6::text[], $7::text[], $8::bigint[], $9::bytea[]) AS new \
    ON CONFLICT (account, room) DO UPDATE SET \
        membership = excluded.membership, since = excluded.since, \
        encrypted = excluded.encrypted, successor = excluded.successor, \
        last_seen = excluded.last_seen, last_seen_at = excluded.last_seen_at, \
        last_digest = excluded.last_digest";
const GET: &str = "\
    SELECT room, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE account = $1 AND room = ANY ($2)";
const LIST: &str = "\
    SELECT room, membership, since, encrypted, successor, last_seen, last_seen_at \
    FROM room WHERE account = $1 AND membership = $2 AND room > $3 ORDER BY room LIMIT $4";
const ENCRYPTED: &str = "SELECT count(*) AS n FROM room WHERE account = $1 AND encrypted";

/// In the order of the rooms; where one is named twice, the last facts hold.
pub(crate) async fn set(tx: &Tx<'_>, account: &Account, facts: &[RoomFacts]) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    let by_room: BTreeMap<&RoomId, &RoomFacts> =
        facts.iter().map(|facts| (&*facts.room, facts)).collect();
    let mut columns = Columns::default();
    for facts in by_room.into_values() {
        columns.push(account, facts);
    }
    let Columns {
        rooms,
        memberships,
        since,
        encrypted,
        successors,
        last_seen,
        last_seen_at,
        digests,
    } = columns;
    let account = encode(account.as_str());
    tx.run(
        SET,
        &[
            &account,
            &rooms,
            &memberships,
            &since,
            &encrypted,
            &successors,
            &last_seen,
            &last_seen_at,
            &digests,
        ],
    )
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    rooms: Vec<String>,
    memberships: Vec<&'a str>,
    since: Vec<i64>,
    encrypted: Vec<bool>,
    successors: Vec<Option<String>>,
    last_seen: Vec<Option<String>>,
    last_seen_at: Vec<Option<i64>>,
    digests: Vec<Option<Vec<u8>>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, account: &Account, facts: &'a RoomFacts) {
        let RoomFacts {
            room,
            membership,
            since,
            encrypted,
            successor,
            last_seen,
        } = facts;
        let stored = |text: &str| encode(text).into_owned();
        let last = last_seen.as_ref();
        self.rooms.push(stored(room.as_str()));
        self.memberships.push(membership.as_str());
        self.since.push(time(*since));
        self.encrypted.push(*encrypted);
        let successor = successor.as_ref().map(|room| stored(room.as_str()));
        self.successors.push(successor);
        self.last_seen
            .push(last.map(|last| stored(last.event_id.as_str())));
        self.last_seen_at.push(last.map(|last| time(last.at)));
        self.digests
            .push(last.map(|last| mark::of(account, &last.event_id)));
    }
}

pub(crate) async fn facts(
    mut session: Session,
    account: &Account,
    rooms: &[OwnedRoomId],
) -> Result<Vec<Option<RoomFacts>>, Fault> {
    let names: Vec<_> = rooms.iter().map(|room| encode(room.as_str())).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let found = session
        .rows(GET, &[&encode(account.as_str()), &names])
        .await?;
    let mut known = BTreeMap::new();
    for row in &found {
        let facts = read(row)?;
        known.insert(facts.room.clone(), facts);
    }
    Ok(rooms.iter().map(|room| known.get(room).cloned()).collect())
}

pub(crate) async fn list(
    mut session: Session,
    account: &Account,
    membership: Membership,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<RoomFacts>, Fault> {
    // Every room id is larger than nothing.
    let after = encode(after.map_or("", RoomId::as_str));
    let account = encode(account.as_str());
    let rows = session
        .rows(
            LIST,
            &[&account, &membership.as_str(), &after, &limit(most)],
        )
        .await?;
    rows.iter().map(read).collect()
}

pub(crate) async fn encrypted(mut session: Session, account: &Account) -> Result<u64, Fault> {
    let rows = session
        .rows(ENCRYPTED, &[&encode(account.as_str())])
        .await?;
    match rows.first() {
        Some(row) => Fields::new(row, "room").number("n"),
        None => Ok(0),
    }
}

pub(crate) fn read(row: &Row) -> Result<RoomFacts, Fault> {
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
