//! What every connection is told before its first statement.

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::config::{SqliteConfig, Synchronous};

/// Says "this file is ours" in the header of the file.
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"MxBr");

/// More than there are statements, so that none is prepared twice.
const CACHED_STATEMENTS: usize = 96;
/// The journal goes into the file when it has that many pages: about 4 MB.
const CHECKPOINT_PAGES: i64 = 1000;
/// A journal that had to grow is cut back to that many bytes.
const JOURNAL_LIMIT: i64 = 16_000_000;
/// Negative: in KiB.
const WRITER_CACHE: i64 = -16_000;

/// Opens the file, which must be there; nothing is read yet.
pub(crate) fn open(config: &SqliteConfig) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(&config.path, flags)?;
    connection.busy_timeout(config.busy_timeout)?;
    Ok(connection)
}

/// What a connection that writes needs, once the file is known to be ours.
pub(crate) fn prepare_writer(
    connection: &Connection,
    config: &SqliteConfig,
) -> rusqlite::Result<()> {
    prepare(connection)?;
    let synchronous = match config.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_LIMIT)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    if let Some(pages) = config.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// A connection that only reads.
pub(crate) fn open_for_reading(config: &SqliteConfig) -> rusqlite::Result<Connection> {
    let connection = open_for_copying(config)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that writes to another file only.
pub(crate) fn open_for_copying(config: &SqliteConfig) -> rusqlite::Result<Connection> {
    let connection = open(config)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // The file may have been tampered with: its schema must not run functions.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Without it a bound LIMIT is planned for, and each claim prepares its statement anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Temporary files would hold messages, outside of the folder that is ours.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_for_the_disk_unless_it_is_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.db");
        std::fs::File::create(&path).unwrap();
        let synchronous = |config: &SqliteConfig| -> i64 {
            let connection = open(config).unwrap();
            prepare_writer(&connection, config).unwrap();
            let value = connection.pragma_query_value(None, "synchronous", |row| row.get(0));
            value.unwrap()
        };

        let (normal, full) = (1, 2);
        let config = SqliteConfig::new(&path);
        assert_eq!(synchronous(&config), full);
        assert_eq!(
            synchronous(&config.synchronous(Synchronous::Normal)),
            normal
        );
    }
}
