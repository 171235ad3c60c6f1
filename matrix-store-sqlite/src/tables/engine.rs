//! How the last engine ended.

use rusqlite::{Connection, params};

use crate::fault::Fault;

const WAS_RUNNING: &str = "SELECT is_running FROM engine";
const SET_RUNNING: &str = "UPDATE engine SET is_running = ?1";

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
