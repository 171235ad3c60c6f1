//! The lanes that have waiting rows: their first row, and when they can be claimed.
//!
//! A claim looks at this table only, so its cost does not grow with the backlog.

use matrix_bridge_core::{LaneId, NewRow, RowId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    fault::Fault,
    fields::{number, time},
};

/// A later row never is the first of a lane that is there. Nor does one that blocks the
/// lane come after it.
const APPEND: &str = "\
    INSERT INTO lane (lane, head, ready, sender, class) VALUES (?1, ?2, \
    CASE WHEN EXISTS (SELECT 1 FROM outbox INDEXED BY outbox_blocking \
    WHERE lane = ?1 AND state = 1 AND blocks = 1) \
    THEN NULL ELSE ?3 END, ?4, ?5) ON CONFLICT (lane) DO NOTHING";
pub(super) const HEAD: &str = "\
    SELECT id, due, sender, class FROM outbox INDEXED BY outbox_line \
    WHERE lane = ?1 AND state = 0 ORDER BY id LIMIT 1";
pub(super) const BLOCKING: &str = "\
    SELECT id FROM outbox INDEXED BY outbox_blocking \
    WHERE lane = ?1 AND state = 1 AND blocks = 1 ORDER BY id LIMIT 1";
const FREED: &str = "SELECT freed FROM lane WHERE lane = ?1";
pub(super) const CLAIM: &str = "\
    SELECT token, until FROM lane WHERE lane = ?1 \
    AND EXISTS (SELECT 1 FROM outbox WHERE outbox.token = lane.token)";
const SET: &str = "\
    INSERT OR REPLACE INTO lane (lane, head, ready, freed, sender, class, token, until) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const REMOVE: &str = "DELETE FROM lane WHERE lane = ?1";

struct Head {
    id: i64,
    due: i64,
    sender: String,
    class: String,
}

/// Puts a new row at the end of its lane.
pub(super) fn append(connection: &Connection, id: RowId, row: &NewRow) -> Result<(), Fault> {
    connection.prepare_cached(APPEND)?.execute(params![
        row.lane.as_str(),
        number(id.0),
        time(row.created),
        row.sender.user.as_str(),
        row.class.as_str(),
    ])?;
    Ok(())
}

/// Finds out anew what the lane's first row is, after rows of it have changed; `settled`
/// is when one was settled last, if that is what changed.
pub(super) fn refresh(
    connection: &Connection,
    lane: &LaneId,
    settled: Option<Timestamp>,
) -> Result<(), Fault> {
    let lane = lane.as_str();
    let Some(head) = head(connection, lane)? else {
        connection.prepare_cached(REMOVE)?.execute([lane])?;
        return Ok(());
    };
    // A claim holds the lane while any of its rows is under it.
    let claim: Option<(i64, i64)> = connection
        .prepare_cached(CLAIM)?
        .query_row([lane], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let freed = match settled {
        Some(at) if claim.is_none() => Some(time(at)),
        _ => freed(connection, lane)?,
    };
    let until = claim.map(|(_, until)| until);
    let ready = [Some(head.due), until, freed].into_iter().flatten().max();
    let is_blocked = blocking(connection, lane)?.is_some_and(|id| id < head.id);
    connection.prepare_cached(SET)?.execute(params![
        lane,
        head.id,
        ready.filter(|_| !is_blocked),
        freed,
        head.sender,
        head.class,
        claim.map(|(token, _)| token),
        until,
    ])?;
    Ok(())
}

fn head(connection: &Connection, lane: &str) -> Result<Option<Head>, Fault> {
    let mut statement = connection.prepare_cached(HEAD)?;
    let head = statement.query_row([lane], |row| {
        Ok(Head {
            id: row.get(0)?,
            due: row.get(1)?,
            sender: row.get(2)?,
            class: row.get(3)?,
        })
    });
    Ok(head.optional()?)
}

/// The first row for which the lane waits.
fn blocking(connection: &Connection, lane: &str) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached(BLOCKING)?;
    Ok(statement.query_row([lane], |row| row.get(0)).optional()?)
}

/// When the last claim on the lane was settled.
fn freed(connection: &Connection, lane: &str) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached(FREED)?;
    let freed: Option<Option<i64>> = statement.query_row([lane], |row| row.get(0)).optional()?;
    Ok(freed.flatten())
}
