//! What a person decides about parked rows.

use std::collections::BTreeMap;

use matrix_bridge_core::{LaneId, NewRow, RowId, Timestamp};

use super::{enqueue, lane};
use crate::{
    fault::Fault,
    fields::{Fields, number, time},
    session::{Session, Tx},
    text::digest,
};

/// Under its old id: ids are the order of a lane.
const REQUEUE: &str = "\
    UPDATE outbox SET state = 0, due = $2, attempts = 0, settled = NULL, park_code = NULL, \
    park_detail = NULL WHERE id = ANY ($1) AND state = 1 RETURNING lane";
const DISCARD: &str = "DELETE FROM outbox WHERE id = ANY ($1) AND state = 1 RETURNING lane";
const PARKED_LANE: &str = "SELECT id, lane_name FROM outbox WHERE id = $1 AND state = 1";
const HAS_KEY: &str = "SELECT 1 FROM outbox WHERE key = $1";

/// Puts parked rows back into their lanes. Returns how many there were.
pub(crate) async fn requeue(
    session: &mut Session,
    rows: &[RowId],
    now: Timestamp,
) -> Result<u64, Fault> {
    let ids = numbers(rows);
    let tx = session.begin().await?;
    lane::lock_of_parked(&tx, &ids).await?;
    let found = tx.rows(REQUEUE, &[&ids, &time(now)]).await?;
    changed(tx, &found, &ids).await
}

/// Removes parked rows for good. Returns how many there were.
pub(crate) async fn discard(session: &mut Session, rows: &[RowId]) -> Result<u64, Fault> {
    let ids = numbers(rows);
    let tx = session.begin().await?;
    lane::lock_of_parked(&tx, &ids).await?;
    let found = tx.rows(DISCARD, &[&ids]).await?;
    changed(tx, &found, &ids).await
}

/// Puts a new row at the place of a parked one: under its id, for ids are the order of a
/// lane. False where that row is not parked, or the new key is taken.
pub(crate) async fn replace(
    session: &mut Session,
    row: RowId,
    with: NewRow,
) -> Result<bool, Fault> {
    let ids = numbers(&[row]);
    let tx = session.begin().await?;
    lane::lock_of_parked(&tx, &ids).await?;
    let parked = tx.row(PARKED_LANE, &[&ids[0]]).await?;
    let taken = tx.row(HAS_KEY, &[&digest(&[with.key.as_str()])]).await?;
    let (Some(parked), None) = (parked, taken) else {
        tx.roll_back().await?;
        return Ok(false);
    };
    let name = Fields::new(&parked, "outbox").text("lane_name")?;
    let with = NewRow {
        lane: LaneId::new(name),
        ..with
    };
    tx.rows(DISCARD, &[&ids]).await?;
    let now = with.created;
    let lanes = BTreeMap::from([(lane::of(&with.lane), None)]);
    let new = enqueue::insert(&tx, Some(row), &[with], now).await?;
    if new == 0 {
        // Somebody else took the key meanwhile.
        tx.roll_back().await?;
        return Ok(false);
    }
    lane::refresh(&tx, &lanes).await?;
    tx.commit().await?;
    Ok(true)
}

/// Looks after the lanes of rows that were changed, and of those that were locked for
/// nothing.
async fn changed(tx: Tx<'_>, found: &[tokio_postgres::Row], ids: &[i64]) -> Result<u64, Fault> {
    let mut lanes = BTreeMap::new();
    for row in found {
        lanes.insert(row.try_get::<_, Vec<u8>>("lane")?, None);
    }
    if found.len() < ids.len() {
        // Where nothing changes nothing stays, the lanes that were locked neither.
        if found.is_empty() {
            tx.roll_back().await?;
            return Ok(0);
        }
        lanes.extend(
            lane::of_rows(&tx, ids)
                .await?
                .into_iter()
                .map(|lane| (lane, None)),
        );
    }
    lane::refresh(&tx, &lanes).await?;
    tx.commit().await?;
    Ok(found.len() as u64)
}

fn numbers(rows: &[RowId]) -> Vec<i64> {
    rows.iter().map(|id| number(id.0)).collect()
}
