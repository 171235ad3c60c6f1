//! A copy of the file while it is in use.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{OpenError, SqliteConfig, connection, open::path};

/// What the name of a backup that is not whole ends in.
const PARTIAL: &str = ".partial";

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something at that place.
    #[error("{}: is there already, and a backup overwrites nothing; choose another name, or move it away", path.display())]
    Exists {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// It could not be written, or the store not be read.
    #[error("{}: the backup was not made; see the cause", path.display())]
    Failed {
        /// Where the backup was to be.
        path: PathBuf,
        /// What stood in the way.
        #[source]
        source: OpenError,
    },
}

/// Copies the store of `config`; see [`SqliteStore::back_up`](crate::SqliteStore::back_up).
pub(crate) fn back_up(config: &SqliteConfig, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Failed {
        path: to.to_owned(),
        source,
    };
    let target = path::resolve(to).map_err(failed)?;
    if fs::symlink_metadata(&target).is_ok() {
        return Err(BackupError::Exists { path: target });
    }
    copy(config, &target).map_err(failed)
}

/// Under another name first: what has the name of a backup is a whole one.
fn copy(config: &SqliteConfig, target: &Path) -> Result<(), OpenError> {
    let partial = path::beside(target, PARTIAL);
    let io = |error| OpenError::from_io(target, error);
    remove(&partial).map_err(io)?;
    path::create(&partial)?;
    let copied = vacuum_into(config, &partial);
    let placed = copied.and_then(|()| place(&partial, target).map_err(io));
    if placed.is_err() {
        // What is left of it is removed by the next one, if not now.
        let _ = remove(&partial);
    }
    placed
}

/// One read transaction: the copy is the store at one moment, as after a crash.
fn vacuum_into(config: &SqliteConfig, partial: &Path) -> Result<(), OpenError> {
    let sqlite = |error| OpenError::from_sqlite(partial, error);
    let connection = connection::open_for_copying(config).map_err(sqlite)?;
    let Some(name) = partial.to_str() else {
        let reason = io::Error::new(io::ErrorKind::InvalidInput, "the name is not Unicode");
        return Err(OpenError::from_io(partial, reason));
    };
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(sqlite)?;
    Ok(())
}

fn place(partial: &Path, target: &Path) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .open(partial)?
        .sync_all()?;
    fs::rename(partial, target)?;
    path::sync_folder(target)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
