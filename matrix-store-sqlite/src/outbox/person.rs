//! What a person decides about parked rows.

use std::collections::BTreeSet;

use matrix_bridge_core::{LaneId, RowId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::lane;
use crate::{
    fault::Fault,
    fields::{number, time},
};

/// Under its old id: ids are the order of a lane.
const REQUEUE: &str = "\
    UPDATE outbox SET state = 0, due = ?2, park_code = NULL, park_detail = NULL \
    WHERE id = ?1 AND state = 1 RETURNING lane";
const DISCARD: &str = "DELETE FROM outbox WHERE id = ?1 AND state = 1";

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
        lane::refresh(connection, lane)?;
    }
    Ok(requeued)
}

/// Removes parked rows for good. Returns how many there were.
pub(crate) fn discard(connection: &Connection, rows: &[RowId]) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(DISCARD)?;
    let mut discarded = 0;
    for id in rows {
        discarded += statement.execute([number(id.0)])? as u64;
    }
    Ok(discarded)
}
