//! How the last engine ended, and whether there may be one.

use rusqlite::{Connection, params};

use crate::fault::Fault;

const WAS_RUNNING: &str = "SELECT is_running FROM engine";
const SET_RUNNING: &str = "UPDATE engine SET is_running = ?1";
const IS_UNFINISHED: &str = "SELECT is_unfinished FROM engine";
const SET_UNFINISHED: &str = "UPDATE engine SET is_unfinished = ?1";

/// Whether the last engine ended without closing the store.
pub(crate) fn was_running(connection: &Connection) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(WAS_RUNNING)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Writes down that an engine begins, or that it closes the store.
pub(crate) fn set_running(connection: &Connection, is_running: bool) -> Result<(), Fault> {
    connection
        .prepare_cached(SET_RUNNING)?
        .execute(params![is_running])?;
    Ok(())
}

/// Whether a copy into the store was begun and not ended.
pub(crate) fn is_unfinished(connection: &Connection) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(IS_UNFINISHED)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Writes down that a copy begins, or that it ends.
pub(crate) fn set_unfinished(connection: &Connection, is_unfinished: bool) -> Result<(), Fault> {
    connection
        .prepare_cached(SET_UNFINISHED)?
        .execute(params![is_unfinished])?;
    Ok(())
}
