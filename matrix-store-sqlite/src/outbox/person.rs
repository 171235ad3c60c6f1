//! What a person decides about parked rows.

use std::collections::BTreeSet;

use matrix_bridge_core::{LaneId, NewRow, RowId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{enqueue, lane};
use crate::{
    fault::Fault,
    fields::{number, time},
};

/// Under its old id: ids are the order of a lane.
const REQUEUE: &str = "\
    UPDATE outbox SET state = 0, due = ?2, attempts = 0, settled = NULL, \
    park_code = NULL, park_detail = NULL WHERE id = ?1 AND state = 1 RETURNING lane";
const DISCARD: &str = "DELETE FROM outbox WHERE id = ?1 AND state = 1 RETURNING lane, blocks";
const PARKED_LANE: &str = "SELECT lane FROM outbox WHERE id = ?1 AND state = 1";
const HAS_KEY: &str = "SELECT 1 FROM outbox WHERE key = ?1";

/// Puts parked rows back into their lanes. Returns how many there were.
pub(crate) fn requeue(
    connection: &Connection,
    rows: &[RowId],
    now: Timestamp,
) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(REQUEUE)?;
    let mut requeued = 0;
    let mut lanes = BTreeSet::new();
    for id in rows {
        let lane: Option<String> = statement
            .query_row(params![number(id.0), time(now)], |row| row.get(0))
            .optional()?;
        if let Some(lane) = lane {
            lanes.insert(LaneId::new(lane));
            requeued += 1;
        }
    }
    for lane in &lanes {
        lane::refresh(connection, lane, None)?;
    }
    Ok(requeued)
}

/// Removes parked rows for good. Returns how many there were.
pub(crate) fn discard(connection: &Connection, rows: &[RowId]) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(DISCARD)?;
    let mut discarded = 0;
    let mut unblocked = BTreeSet::new();
    for id in rows {
        let found: Option<(String, bool)> = statement
            .query_row([number(id.0)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        discarded += u64::from(found.is_some());
        let blocking = found.filter(|(_, blocks)| *blocks);
        unblocked.extend(blocking.map(|(lane, _)| LaneId::new(lane)));
    }
    for lane in &unblocked {
        lane::refresh(connection, lane, None)?;
    }
    Ok(discarded)
}

/// Puts a new row at the place of a parked one: under its id, for ids are the order of a
/// lane. False where that row is not parked, or the new key is taken.
pub(crate) fn replace(connection: &Connection, row: RowId, with: NewRow) -> Result<bool, Fault> {
    let lane: Option<String> = connection
        .prepare_cached(PARKED_LANE)?
        .query_row([number(row.0)], |row| row.get(0))
        .optional()?;
    let taken = connection
        .prepare_cached(HAS_KEY)?
        .query_row([with.key.as_str()], |_| Ok(()))
        .optional()?;
    let (Some(lane), None) = (lane, taken) else {
        return Ok(false);
    };
    connection
        .prepare_cached(DISCARD)?
        .query_row([number(row.0)], |_| Ok(()))?;
    let with = NewRow {
        lane: LaneId::new(lane),
        ..with
    };
    enqueue::insert(connection, Some(row), &with, with.created)?;
    lane::refresh(connection, &with.lane, None)?;
    Ok(true)
}
