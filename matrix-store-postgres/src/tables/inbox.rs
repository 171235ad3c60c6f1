//! What is received and not yet handled, and what is known to be missing.

use std::collections::BTreeSet;

use matrix_bridge_core::{
    Account, GapFill, InboxEntry, InboxId, InboxItem, InboxLane, InboxRetry, NewInboxEntry,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use tokio_postgres::Row;

use crate::{
    fault::Fault,
    fields::{self, Fields, limit, number, time},
    session::{Session, Tx},
    text::encode,
};

/// Nobody else settles them before this transaction ends.
const LOCK: &str = "\
    SELECT id FROM inbox WHERE id = ANY ($1) AND account = $2 ORDER BY id FOR UPDATE";
const OPEN_GAPS: &str = "\
    SELECT id FROM inbox AS it WHERE id = ANY ($1) AND account = $2 AND gap IS NOT NULL \
    AND id = (SELECT id FROM inbox AS other WHERE account = $2 AND other.room = it.room \
    ORDER BY place, id LIMIT 1)";
/// The ids are in the order of the entries.
const PUSH: &str = "\
    INSERT INTO inbox (account, place, id, room, event_id, received, sent, is_catch_up, \
        attempts, due, raw, gap) \
    SELECT $1, $2, nextval('inbox_id'), room, event_id, received, sent, is_catch_up, attempts, \
        due, raw, gap \
    FROM (SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], \
        $7::boolean[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bytea[]) WITH ORDINALITY \
        AS entry (room, event_id, received, sent, is_catch_up, attempts, due, raw, gap, nth) \
        ORDER BY nth) AS entry";
const PUT_OFF: &str = "UPDATE inbox SET attempts = $2, due = $3 WHERE id = $1";
const REMOVE: &str = "DELETE FROM inbox WHERE id = ANY ($1)";
/// What was put behind the gap before is one place up.
const MAKE_PLACE: &str = "UPDATE inbox SET place = place - 1 WHERE id = $1 RETURNING place";
const SET_GAP: &str = "UPDATE inbox SET gap = $2 WHERE id = $1";
const ENTRIES: &str = "\
    SELECT id, room, event_id, received, sent, is_catch_up, attempts, due, raw, gap FROM inbox \
    WHERE account = $1 AND room = $2 ORDER BY place, id LIMIT $3";
const LANES: &str = "\
    SELECT lane.room, lane.entries, first.received FROM ( \
        SELECT room, count(*) AS entries FROM inbox \
        WHERE account = $1 AND room > $2 GROUP BY room ORDER BY room LIMIT $3 \
    ) AS lane CROSS JOIN LATERAL ( \
        SELECT received FROM inbox WHERE account = $1 AND room = lane.room \
        ORDER BY place, id LIMIT 1 \
    ) AS first ORDER BY lane.room";

/// Which of `ids` are in the inbox of that account.
pub(super) async fn lock(
    tx: &Tx<'_>,
    account: &Account,
    ids: &[i64],
) -> Result<BTreeSet<i64>, Fault> {
    ids_of(tx, LOCK, account, ids).await
}

/// Which of `ids` are gaps and the first of their rooms.
pub(super) async fn open_gaps(
    tx: &Tx<'_>,
    account: &Account,
    ids: &[i64],
) -> Result<BTreeSet<i64>, Fault> {
    ids_of(tx, OPEN_GAPS, account, ids).await
}

async fn ids_of(
    tx: &Tx<'_>,
    sql: &str,
    account: &Account,
    ids: &[i64],
) -> Result<BTreeSet<i64>, Fault> {
    let rows = tx.rows(sql, &[&ids, &encode(account.as_str())]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Puts entries at the ends of their rooms.
pub(super) async fn push(
    tx: &Tx<'_>,
    account: &Account,
    entries: &[NewInboxEntry],
) -> Result<(), Fault> {
    push_at(tx, account, 0, entries).await
}

async fn push_at(
    tx: &Tx<'_>,
    account: &Account,
    place: i64,
    entries: &[NewInboxEntry],
) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    for entry in entries {
        columns.push(entry)?;
    }
    let Columns {
        rooms,
        event_ids,
        received,
        sent,
        is_catch_up,
        attempts,
        due,
        raw,
        gaps,
    } = columns;
    tx.run(
        PUSH,
        &[
            &encode(account.as_str()),
            &place,
            &rooms,
            &event_ids,
            &received,
            &sent,
            &is_catch_up,
            &attempts,
            &due,
            &raw,
            &gaps,
        ],
    )
    .await?;
    Ok(())
}

/// The columns of some entries.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(crate) rooms: Vec<String>,
    pub(crate) event_ids: Vec<Option<String>>,
    pub(crate) received: Vec<i64>,
    pub(crate) sent: Vec<i64>,
    pub(crate) is_catch_up: Vec<bool>,
    pub(crate) attempts: Vec<i64>,
    pub(crate) due: Vec<i64>,
    pub(crate) raw: Vec<Option<&'a [u8]>>,
    pub(crate) gaps: Vec<Option<Vec<u8>>>,
}

impl<'a> Columns<'a> {
    pub(crate) fn push(&mut self, entry: &'a NewInboxEntry) -> Result<(), Fault> {
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
            InboxItem::Event { event_id, raw } => (Some(event_id), Some(raw), None),
            InboxItem::Gap(gap) => (None, None, Some(fields::encode(gap)?)),
        };
        self.rooms.push(encode(room.as_str()).into_owned());
        self.event_ids
            .push(event_id.map(|id| encode(id.as_str()).into_owned()));
        self.received.push(time(*received));
        self.sent.push(time(*sent));
        self.is_catch_up.push(*is_catch_up);
        self.attempts.push(i64::from(*attempts));
        self.due.push(time(*due));
        self.raw.push(raw.map(|raw| raw.as_str().as_bytes()));
        self.gaps.push(gap);
        Ok(())
    }
}

/// The gap is the first of its room.
pub(super) async fn fill(tx: &Tx<'_>, account: &Account, fill: &GapFill) -> Result<(), Fault> {
    let GapFill { gap, entries, rest } = fill;
    let id = number(gap.0);
    let place = match tx.row(MAKE_PLACE, &[&id]).await? {
        Some(row) => row.try_get("place")?,
        None => 0,
    };
    push_at(tx, account, place, entries).await?;
    match rest {
        Some(rest) => {
            tx.run(SET_GAP, &[&id, &fields::encode(rest)?]).await?;
            Ok(())
        }
        None => remove(tx, &[id]).await,
    }
}

pub(super) async fn put_off(tx: &Tx<'_>, retry: InboxRetry) -> Result<(), Fault> {
    let InboxRetry { id, attempts, due } = retry;
    let attempts = i64::from(attempts);
    tx.run(PUT_OFF, &[&number(id.0), &attempts, &time(due)])
        .await?;
    Ok(())
}

pub(super) async fn remove(tx: &Tx<'_>, ids: &[i64]) -> Result<(), Fault> {
    if !ids.is_empty() {
        tx.run(REMOVE, &[&ids]).await?;
    }
    Ok(())
}

pub(crate) async fn entries(
    mut session: Session,
    account: &Account,
    room: &RoomId,
    most: usize,
) -> Result<Vec<InboxEntry>, Fault> {
    let (account, room) = (encode(account.as_str()), encode(room.as_str()));
    let rows = session
        .rows(ENTRIES, &[&account, &room, &limit(most)])
        .await?;
    rows.iter().map(read).collect()
}

pub(crate) async fn lanes(
    mut session: Session,
    account: &Account,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<InboxLane>, Fault> {
    let after = encode(after.map_or("", RoomId::as_str));
    let account = encode(account.as_str());
    let rows = session
        .rows(LANES, &[&account, &after, &limit(most)])
        .await?;
    let mut lanes = Vec::with_capacity(rows.len());
    for row in &rows {
        let fields = Fields::new(row, "inbox");
        lanes.push(InboxLane {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            entries: fields.number("entries")?,
            oldest: fields.time("received")?,
        });
    }
    Ok(lanes)
}

pub(crate) fn read(row: &Row) -> Result<InboxEntry, Fault> {
    let fields = Fields::new(row, "inbox");
    Ok(InboxEntry {
        id: InboxId(fields.number("id")?),
        entry: NewInboxEntry {
            room: fields.parse("room", OwnedRoomId::try_from)?,
            item: item(&fields)?,
            received: fields.time("received")?,
            sent: fields.time("sent")?,
            is_catch_up: fields.get("is_catch_up")?,
            attempts: fields.small("attempts")?,
            due: fields.time("due")?,
        },
    })
}

fn item(fields: &Fields<'_>) -> Result<InboxItem, Fault> {
    let event_id = fields.parse_optional("event_id", OwnedEventId::try_from)?;
    Ok(match event_id {
        Some(event_id) => InboxItem::Event {
            event_id,
            raw: fields.raw("raw")?,
        },
        None => InboxItem::Gap(fields.value("gap")?),
    })
}
