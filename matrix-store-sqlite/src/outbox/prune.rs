//! Forgetting rows that are done.

use matrix_bridge_core::Timestamp;
use rusqlite::{Connection, params};

use super::{report, state};
use crate::{
    fault::Fault,
    fields::{number, time},
};

pub(super) const RECORDS_BEFORE: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE state = ?1 AND settled IS NOT NULL AND settled < ?2 \
        ORDER BY settled, id LIMIT ?3)";
pub(super) const OLDEST_RECORDS: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE state = ?1 AND settled IS NOT NULL \
        ORDER BY settled, id LIMIT ?2)";
pub(super) const OUTCOMES_BEFORE: &str = "\
    DELETE FROM outcome WHERE cursor IN ( \
        SELECT cursor FROM outcome WHERE at < ?1 ORDER BY at, cursor LIMIT ?2)";
const OUTCOMES: &str = "SELECT rows FROM record_count WHERE name = 'outcome'";
pub(super) const OLDEST_OUTCOMES: &str = "\
    DELETE FROM outcome WHERE cursor IN (SELECT cursor FROM outcome ORDER BY cursor LIMIT ?1)";

pub(super) const PARKED: &str = "SELECT coalesce(sum(rows), 0) FROM parked_count WHERE blocks = ?1";
pub(super) const OLDEST_PARKED: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox INDEXED BY outbox_parked_age \
        WHERE state = 1 AND blocks = 0 ORDER BY settled, id LIMIT ?1)";

/// Removes sent rows and shadow rows from before `before` and the oldest of those beyond
/// `max`, of each kind. Returns how many.
pub(crate) fn records(
    connection: &Connection,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let mut removed = 0;
    for kind in [state::SENT, state::SHADOW] {
        removed += connection.prepare_cached(RECORDS_BEFORE)?.execute(params![
            kind,
            time(before),
            number(at_once)
        ])?;
        let excess = report::count(connection, kind)?.saturating_sub(max);
        if excess > 0 {
            removed += connection
                .prepare_cached(OLDEST_RECORDS)?
                .execute(params![kind, number(excess.min(at_once))])?;
        }
    }
    Ok(removed as u64)
}

/// Removes outcomes in the same way. Returns how many.
pub(crate) fn outcomes(
    connection: &Connection,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let mut removed = connection
        .prepare_cached(OUTCOMES_BEFORE)?
        .execute(params![time(before), number(at_once)])?;
    let count: i64 = connection
        .prepare_cached(OUTCOMES)?
        .query_row([], |row| row.get(0))?;
    let excess = count.unsigned_abs().saturating_sub(max).min(at_once);
    if excess > 0 {
        removed += connection
            .prepare_cached(OLDEST_OUTCOMES)?
            .execute([number(excess)])?;
    }
    Ok(removed as u64)
}

/// Removes the oldest of the parked rows beyond `max` that do not block their lane.
/// Returns how many.
pub(crate) fn parked(connection: &Connection, max: u64, at_once: u64) -> Result<u64, Fault> {
    let count = |blocks: bool| -> rusqlite::Result<u64> {
        let mut statement = connection.prepare_cached(PARKED)?;
        let rows: i64 = statement.query_row([blocks], |row| row.get(0))?;
        Ok(rows.unsigned_abs())
    };
    let may_stay = max.saturating_sub(count(true)?);
    let excess = count(false)?.saturating_sub(may_stay).min(at_once);
    if excess == 0 {
        return Ok(0);
    }
    let removed = connection
        .prepare_cached(OLDEST_PARKED)?
        .execute([number(excess)])?;
    Ok(removed as u64)
}
