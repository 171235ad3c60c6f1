//! From a path to a store.

mod error;
mod lock;
mod migrate;
pub(crate) mod path;

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, config::DbConfig};

pub use self::error::OpenError;
pub(crate) use self::lock::EngineLock;
use self::migrate::Found;
#[cfg(test)]
pub(crate) use self::migrate::migrate as create_schema;
use crate::{
    SqliteConfig, SqliteStore, connection,
    fault::{Fault, Reason},
    marks,
    outbox::claim,
    store::Role,
    tables,
    writer::{Guarded, Shared, Writer, WriterHandle},
};

/// A file up to this size is checked page by page after a crash: about a second.
const CHECKED_PAGES: i64 = 50_000;

/// See [`SqliteConfig::open_engine`].
pub(crate) fn engine(config: SqliteConfig) -> Result<SqliteStore, OpenError> {
    let Taken {
        config,
        lock,
        connection,
        has_crashed,
    } = take(config)?;
    let file = config.path.as_path();
    refuse_unfinished(&connection, file)?;
    take_over(&connection, has_crashed).map_err(|fault| unreadable(file, fault))?;
    let marks = marks::load(&connection).map_err(|fault| unreadable(file, fault))?;
    let shared = Arc::new(Shared {
        marks,
        ..Shared::default()
    });
    build(config, Role::Engine, connection, Some(lock), shared)
}

/// See [`SqliteConfig::open_for_copy`].
pub(crate) fn for_copy(config: SqliteConfig) -> Result<SqliteStore, OpenError> {
    let Taken {
        config,
        lock,
        connection,
        has_crashed: _,
    } = take(config)?;
    build(config, Role::Copier, connection, Some(lock), Arc::default())
}

/// A file that nobody else works on, up to date.
struct Taken {
    config: SqliteConfig,
    lock: EngineLock,
    connection: Connection,
    has_crashed: bool,
}

fn take(mut config: SqliteConfig) -> Result<Taken, OpenError> {
    config.path = path::resolve(&config.path)?;
    let file = config.path.as_path();
    let exists = path::refuse_other_than_file(file)?;
    let lock = EngineLock::take(file)?;
    if !exists {
        path::create(file)?;
    }
    let sqlite = |error| OpenError::from_sqlite(file, error);
    let mut connection = connection::open(&config).map_err(sqlite)?;
    let found = look(&connection, file)?;
    if let Found::Empty = found {
        migrate::claim(&connection).map_err(sqlite)?;
    }
    connection::prepare_writer(&connection, &config).map_err(sqlite)?;
    use_journal(&connection, file)?;
    let has_crashed = bring_up_to_date(&mut connection, file, &found)?;
    Ok(Taken {
        config,
        lock,
        connection,
        has_crashed,
    })
}

/// See [`SqliteConfig::open_reader`].
pub(crate) fn reader(mut config: SqliteConfig) -> Result<SqliteStore, OpenError> {
    config.path = path::resolve(&config.path)?;
    let file = config.path.as_path();
    let missing = || OpenError::Missing {
        path: file.to_owned(),
    };
    if !path::refuse_other_than_file(file)? {
        return Err(missing());
    }
    let sqlite = |error| OpenError::from_sqlite(file, error);
    let connection = connection::open(&config).map_err(sqlite)?;
    match look(&connection, file)? {
        Found::Empty => return Err(missing()),
        Found::Ours(found) if found < migrate::KNOWN => {
            return Err(OpenError::OlderSchema {
                path: file.to_owned(),
                found,
                known: migrate::KNOWN,
            });
        }
        Found::Ours(_) => {}
    }
    refuse_unfinished(&connection, file)?;
    connection::prepare_writer(&connection, &config).map_err(sqlite)?;
    build(config, Role::Reader, connection, None, Arc::default())
}

/// Finds out whose file it is.
fn look(connection: &Connection, file: &Path) -> Result<Found, OpenError> {
    let sqlite = |error| OpenError::from_sqlite(file, error);
    // Closing the last connection moves the journal into the file: not into somebody
    // else's.
    let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection
        .set_db_config(keep, path::has_journal(file))
        .map_err(sqlite)?;
    let found = migrate::look(connection, file)?;
    connection.set_db_config(keep, false).map_err(sqlite)?;
    Ok(found)
}

fn use_journal(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(file, error))?;
    if mode == "wal" {
        return Ok(());
    }
    // Some network file systems have no shared memory.
    Err(OpenError::Io {
        path: file.to_owned(),
        source: Reason("the file system cannot hold a write-ahead journal; use a local disk")
            .into(),
    })
}

/// Brings the schema up to date. Answers whether the last engine crashed.
fn bring_up_to_date(
    connection: &mut Connection,
    file: &Path,
    found: &Found,
) -> Result<bool, OpenError> {
    let fault = |fault| unreadable(file, fault);
    let has_crashed = match found {
        Found::Empty | Found::Ours(0) => false,
        Found::Ours(_) => tables::engine::was_running(connection).map_err(fault)?,
    };
    if has_crashed {
        check(connection, file)?;
    }
    migrate::migrate(connection).map_err(|error| OpenError::from_sqlite(file, error))?;
    Ok(has_crashed)
}

fn refuse_unfinished(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    match tables::engine::is_unfinished(connection) {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::UnfinishedCopy {
            path: file.to_owned(),
        }),
        Err(fault) => Err(unreadable(file, fault)),
    }
}

/// Begins the work of this engine; cleans up after one that crashed.
fn take_over(connection: &Connection, has_crashed: bool) -> Result<(), Fault> {
    if has_crashed {
        // The engine's lock proves that the holders of leases and claims are gone and
        // cannot let go of them any more. After an orderly end they stand as they were
        // left.
        tables::lease::clear(connection)?;
        claim::end_all(connection)?;
    }
    tables::engine::set_running(connection, true)
}

/// After a crash: whether the pages are whole. Large files are not looked through.
fn check(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let sqlite = |error| OpenError::from_sqlite(file, error);
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .map_err(sqlite)?;
    if pages > CHECKED_PAGES {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sqlite)?;
    if found == "ok" {
        return Ok(());
    }
    Err(OpenError::NotADatabase {
        path: file.to_owned(),
        source: found.into(),
    })
}

fn build(
    config: SqliteConfig,
    role: Role,
    connection: Connection,
    lock: Option<EngineLock>,
    shared: Arc<Shared>,
) -> Result<SqliteStore, OpenError> {
    let guarded = Guarded {
        writer: Writer::new(connection, Arc::clone(&shared)),
        lock,
    };
    let writer = if config.is_inline {
        WriterHandle::inline(guarded)
    } else {
        WriterHandle::on_thread(guarded).map_err(|error| OpenError::from_io(&config.path, error))?
    };
    Ok(SqliteStore::new(config, role, writer, shared))
}

fn unreadable(file: &Path, fault: Fault) -> OpenError {
    match fault {
        Fault::Sqlite(error) => OpenError::from_sqlite(file, error),
        fault @ (Fault::Corrupt { .. } | Fault::Invalid(_)) => OpenError::Corrupt {
            path: file.to_owned(),
            source: fault.into_store_error("opening the store"),
        },
    }
}
