//! Why a store could not be opened, and what a person can do.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

use crate::fault::without_statement;

/// Why a store could not be opened. The message is one line: the path, what was found,
/// what is expected, and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder is not there.
    #[error("{}: the folder {} does not exist; create it or correct the path", path.display(), folder.display())]
    NoFolder {
        /// The database.
        path: PathBuf,
        /// The folder it should lie in.
        folder: PathBuf,
    },
    /// There is no store, and a reader creates none.
    #[error("{}: there is no such file, and only the engine creates one; start the engine first or correct the path", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The path leads somewhere else.
    #[error("{}: found a symbolic link, expected a file; give the path that it leads to", path.display())]
    Symlink {
        /// What is a link.
        path: PathBuf,
    },
    /// The path names a folder or a device.
    #[error("{}: found something that is no regular file; give the path of a file", path.display())]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// The content is not that of an SQLite database, or only part of one.
    #[error("{}: the content is not a whole SQLite database, expected a store of matrix-bridge or no file; restore it from a backup, or move it away", path.display())]
    NotADatabase {
        /// The database.
        path: PathBuf,
        /// What SQLite or its check says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is the database of another program. Nothing was changed.
    #[error("{}: found an SQLite database of another program (application id {application_id:#x}), expected a store of matrix-bridge or no file; give another path", path.display())]
    ForeignSchema {
        /// The database.
        path: PathBuf,
        /// Whose it says it is; 0 for nobody.
        application_id: i32,
    },
    /// A later version of this crate wrote it.
    #[error("{}: found schema {found}, this version knows up to {known}; start the newer version again, or restore the backup from before the upgrade", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this version knows.
        known: u32,
    },
    /// An earlier version wrote it, and a reader changes no schema.
    #[error("{}: found schema {found}, a reader of this version expects {known}; start the engine of this version once", path.display())]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema that this version reads.
        known: u32,
    },
    /// A copy into it was begun and not ended.
    #[error("{}: found a store into which a copy was not finished; run the copy again, or delete the file", path.display())]
    UnfinishedCopy {
        /// The database.
        path: PathBuf,
    },
    /// Another engine works on it.
    #[error("{}: another engine holds {}; stop that one first, or open a reader", path.display(), lock.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// The file that it holds a lock on.
        lock: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("{}: no permission to write, expected a file and a folder that this user may write; change their owner or mode, or the path", path.display())]
    Permission {
        /// What could not be written.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk is full.
    #[error("{}: no space left, expected some for the journal; make room and start again", path.display())]
    Full {
        /// The database.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody holds SQLite's own lock for longer than the busy timeout.
    #[error("{}: locked by another process for longer than the busy timeout; end the program that writes to it", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Stored data does not read back.
    #[error("{}: found data that this version did not write; restore it from a backup", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What does not read back.
        #[source]
        source: matrix_bridge_core::StoreError,
    },
    /// The system failed in another way.
    #[error("{}: opening failed; see the cause", path.display())]
    Io {
        /// What was opened.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What a failure of the system on `path` means.
    pub(crate) fn from_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                let source = error.into();
                Self::Permission { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let source = error.into();
                Self::Full { path, source }
            }
            _ => Self::Io {
                path,
                source: error.into(),
            },
        }
    }

    /// What a failure of SQLite on `path` means.
    pub(crate) fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let error = without_statement(error);
        let code = error.sqlite_error_code();
        match code {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                let source = error.into();
                Self::NotADatabase { path, source }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                let source = error.into();
                Self::Permission { path, source }
            }
            Some(ErrorCode::DiskFull) => {
                let source = error.into();
                Self::Full { path, source }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                path,
                source: error,
            },
            _ => Self::Io {
                path,
                source: error.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_system_names_its_way_out() {
        let path = Path::new("/data/bridge.db");
        let error = |kind| OpenError::from_io(path, io::Error::from(kind));

        assert!(matches!(
            error(io::ErrorKind::ReadOnlyFilesystem),
            OpenError::Permission { .. }
        ));
        assert!(matches!(
            error(io::ErrorKind::StorageFull),
            OpenError::Full { .. }
        ));
        assert!(
            error(io::ErrorKind::PermissionDenied)
                .to_string()
                .contains("change their owner or mode")
        );
    }
}
