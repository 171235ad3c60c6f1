//! The lock that makes an engine the only one.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use super::{error::OpenError, path};

/// Held while an engine lives. The system frees it with the process, however that ends;
/// it is never timed.
#[derive(Debug)]
pub(crate) struct EngineLock {
    /// Closing it is what frees the lock.
    _file: File,
}

impl EngineLock {
    /// Takes the lock of the database at `database`.
    ///
    /// It is a file of its own: SQLite's locks on the database would be lost as soon as
    /// anybody in this process closed another handle of the same file.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let lock = path_of(database);
        path::refuse_other_than_file(&lock)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        path::for_owner_only(&mut options);
        let file = options
            .open(&lock)
            .map_err(|error| OpenError::from_io(&lock, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: database.to_owned(),
                lock,
            }),
            Err(TryLockError::Error(error)) => Err(OpenError::from_io(&lock, error)),
        }
    }
}

/// `<database>.lock`.
fn path_of(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".lock");
    PathBuf::from(name)
}
