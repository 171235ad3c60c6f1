//! The schema, step by step.

use std::path::Path;

use rusqlite::Connection;

use super::{error::OpenError, path};
use crate::{connection::APPLICATION_ID, fault::Reason};

/// Append only: a step that was released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_init.sql"),
    include_str!("../../migrations/0002_gaps_and_blocked_lanes.sql"),
    include_str!("../../migrations/0003_newcomers.sql"),
    include_str!("../../migrations/0004_unfinished_copies.sql"),
];

/// The schema that this version reads and writes.
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Whose file it is, and how far its schema has come.
pub(super) enum Found {
    /// Nothing is in it yet.
    Empty,
    /// Ours, with that schema.
    Ours(u32),
}

/// Looks at the file; changes nothing.
pub(super) fn look(connection: &Connection, file: &Path) -> Result<Found, OpenError> {
    let sqlite = |error| OpenError::from_sqlite(file, error);
    let application_id: i32 = pragma(connection, "application_id").map_err(sqlite)?;
    if application_id == APPLICATION_ID {
        let found: u32 = pragma(connection, "user_version").map_err(sqlite)?;
        if found > KNOWN {
            return Err(OpenError::NewerSchema {
                path: file.to_owned(),
                found,
                known: KNOWN,
            });
        }
        return Ok(Found::Ours(found));
    }
    let pages: i64 = pragma(connection, "page_count").map_err(sqlite)?;
    if pages == 0 {
        // SQLite takes a few stray bytes for nothing, and would overwrite them.
        return match path::is_empty(file) {
            true => Ok(Found::Empty),
            false => Err(OpenError::NotADatabase {
                path: file.to_owned(),
                source: Reason("it is too short").into(),
            }),
        };
    }
    Err(OpenError::ForeignSchema {
        path: file.to_owned(),
        application_id,
    })
}

/// Makes an empty file ours.
pub(super) fn claim(connection: &Connection) -> rusqlite::Result<()> {
    // Only before the first table; later it would take a rewrite of the whole file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Before the journal is switched: so it is in the file itself from its first page
    // on, and a crash in between leaves a file that is known as ours.
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Does the steps that are missing, each in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version: u32 = pragma(connection, "user_version")?;
    for (target, step) in (1..=KNOWN).zip(MIGRATIONS) {
        if target <= version {
            continue;
        }
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", target)?;
        transaction.commit()?;
    }
    Ok(())
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
