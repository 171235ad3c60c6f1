//! Events that were given up, kept for a person.

use std::collections::BTreeSet;

use matrix_bridge_core::{
    Account, NewParkedEvent, ParkCode, ParkReason, ParkedEvent, ParkedEventId,
    ruma::{OwnedEventId, OwnedRoomId},
};
use tokio_postgres::Row;

use super::tally;
use crate::{
    fault::Fault,
    fields::{Fields, limit, number, time},
    session::{Session, Tx},
    text::encode,
};

const PUSH: &str = "\
    INSERT INTO parked_event (id, account, room, event_id, code, detail, at, raw) \
    SELECT nextval('parked_event_id'), $1, $2, $3, $4, $5, $6, $7";
/// Nobody else removes them before this transaction ends.
const LOCK: &str = "\
    SELECT id FROM parked_event WHERE id = ANY ($1) AND account = $2 ORDER BY id FOR UPDATE";
const REMOVE: &str = "DELETE FROM parked_event WHERE id = ANY ($1)";
const NEWEST: &str = "\
    SELECT id, room, event_id, code, detail, at, raw FROM parked_event \
    WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const PRUNE: &str = "\
    DELETE FROM parked_event WHERE id IN ( \
        SELECT id FROM parked_event ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Which of `ids` are parked, and of that account.
pub(super) async fn lock(
    tx: &Tx<'_>,
    account: &Account,
    ids: &[i64],
) -> Result<BTreeSet<i64>, Fault> {
    let rows = tx.rows(LOCK, &[&ids, &encode(account.as_str())]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

pub(super) async fn remove(tx: &Tx<'_>, ids: &[i64]) -> Result<(), Fault> {
    if !ids.is_empty() {
        tx.run(REMOVE, &[&ids]).await?;
    }
    Ok(())
}

pub(super) async fn push(
    tx: &Tx<'_>,
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
    tx.run(
        PUSH,
        &[
            &encode(account.as_str()),
            &encode(room.as_str()),
            &event_id.as_ref().map(|id| encode(id.as_str())),
            &code.as_str(),
            &encode(detail),
            &time(*at),
            &raw.as_str().as_bytes(),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn newest(
    mut session: Session,
    account: &Account,
    before: Option<ParkedEventId>,
    most: usize,
) -> Result<Vec<ParkedEvent>, Fault> {
    let before = before.map_or(i64::MAX, |id| number(id.0));
    let account = encode(account.as_str());
    let rows = session
        .rows(NEWEST, &[&account, &before, &limit(most)])
        .await?;
    rows.iter().map(read).collect()
}

/// Removes the oldest of those beyond `max`, `at_once` at most.
pub(super) async fn prune(tx: &Tx<'_>, max: u64, at_once: u64) -> Result<u64, Fault> {
    let excess = tally::count(tx, "parked_event").await?.saturating_sub(max);
    match excess.min(at_once) {
        0 => Ok(0),
        excess => tx.run(PRUNE, &[&number(excess)]).await,
    }
}

pub(crate) fn read(row: &Row) -> Result<ParkedEvent, Fault> {
    let fields = Fields::new(row, "parked_event");
    let event = NewParkedEvent {
        room: fields.parse("room", OwnedRoomId::try_from)?,
        event_id: fields.parse_optional("event_id", OwnedEventId::try_from)?,
        raw: fields.raw("raw")?,
        reason: ParkReason {
            code: fields.name("code", ParkCode::from_name)?,
            detail: fields.text("detail")?,
        },
        at: fields.time("at")?,
    };
    let id = ParkedEventId(fields.number("id")?);
    Ok(ParkedEvent { id, event })
}
