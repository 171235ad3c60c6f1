//! The lanes that have waiting rows: their first row, and when they can be claimed.
//!
//! A claim looks at this table only, so its cost does not grow with the backlog.

use matrix_bridge_core::{LaneId, NewRow, RowId};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    fault::Fault,
    fields::{number, time},
};

/// A later row never is the first of a lane that is there.
const APPEND: &str = "\
    INSERT INTO lane (lane, head, ready, sender, class) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (lane) DO NOTHING";
pub(super) const HEAD: &str = "\
    SELECT id, due, sender, class FROM outbox WHERE lane = ?1 AND state = 0 \
    ORDER BY id LIMIT 1";
pub(super) const CLAIM: &str = "\
    SELECT token, until FROM lane WHERE lane = ?1 \
    AND EXISTS (SELECT 1 FROM outbox WHERE outbox.token = lane.token)";
const SET: &str = "\
    INSERT OR REPLACE INTO lane (lane, head, ready, sender, class, token, until) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
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

/// Finds out anew what the lane's first row is, after rows of it have changed.
pub(super) fn refresh(connection: &Connection, lane: &LaneId) -> Result<(), Fault> {
    let lane = lane.as_str();
    let head = connection.prepare_cached(HEAD)?.query_row([lane], |row| {
        Ok(Head {
            id: row.get(0)?,
            due: row.get(1)?,
            sender: row.get(2)?,
            class: row.get(3)?,
        })
    });
    let Some(head) = head.optional()? else {
        connection.prepare_cached(REMOVE)?.execute([lane])?;
        return Ok(());
    };
    // A claim holds the lane while any of its rows is under it.
    let claim: Option<(i64, i64)> = connection
        .prepare_cached(CLAIM)?
        .query_row([lane], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let ready = claim.map_or(head.due, |(_, until)| until.max(head.due));
    connection.prepare_cached(SET)?.execute(params![
        lane,
        head.id,
        ready,
        head.sender,
        head.class,
        claim.map(|(token, _)| token),
        claim.map(|(_, until)| until),
    ])?;
    Ok(())
}
