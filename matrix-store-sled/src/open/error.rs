//! Why a store could not be opened, and what a person can do.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{fault::Fault, tree::CommitError};

/// Why a store could not be opened. The message is one line: the path, what was found,
/// what is expected, and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder that the store should lie in is not there.
    #[error("{}: the folder {} does not exist; create it or correct the path", path.display(), folder.display())]
    NoFolder {
        /// The store.
        path: PathBuf,
        /// The folder it should lie in.
        folder: PathBuf,
    },
    /// The path leads somewhere else.
    #[error("{}: found a symbolic link, expected a folder; give the path that it leads to", path.display())]
    Symlink {
        /// What is a link.
        path: PathBuf,
    },
    /// The path names a file or a device.
    #[error("{}: found something that is no folder; give the path of a folder", path.display())]
    NotAFolder {
        /// What was found.
        path: PathBuf,
    },
    /// Something is at the place of a file of ours that is no file.
    #[error("{}: found something that is no regular file; move it away", path.display())]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// It is the folder of another program. Nothing was changed.
    #[error("{}: the folder holds other things, expected a store of matrix-bridge, an empty folder or none; give another path", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// A later version of this crate wrote it.
    #[error("{}: found schema {found}, this version knows up to {known}; start the newer version again, or restore the copy from before the upgrade", path.display())]
    NewerSchema {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The newest schema that this version knows.
        known: u64,
    },
    /// A copy into it was begun and not ended.
    #[error("{}: a copy into this store was not finished; copy again, or move it away", path.display())]
    Unfinished {
        /// The store.
        path: PathBuf,
    },
    /// Another engine works on it.
    #[error("{}: another engine holds {}; stop that one first", path.display(), lock.display())]
    InUse {
        /// The store.
        path: PathBuf,
        /// The file that it holds a lock on.
        lock: PathBuf,
    },
    /// The folder or a file in it cannot be written.
    #[error("{}: no permission to write, expected a folder that this user may write; change its owner or mode, or the path", path.display())]
    Permission {
        /// What could not be written.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk is full.
    #[error("{}: no space left, expected some for the log; make room and start again", path.display())]
    Full {
        /// The store.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Stored data does not read back.
    #[error("{}: found data that this version did not write; restore it from a copy", path.display())]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What does not read back.
        #[source]
        source: matrix_bridge_core::StoreError,
    },
    /// The log is damaged: sled goes back to what comes before that place.
    #[error("{}: the log ends after commit {found}, but {reported} were reported as written; restore it from a copy, or remove the file `commits` in it to go on from there, as after restoring an old copy", path.display())]
    Lost {
        /// The store.
        path: PathBuf,
        /// The last commit in the log.
        found: u64,
        /// The last commit that a caller was told of.
        reported: u64,
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
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { path, source }
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Io {
                path,
                source: source.into(),
            },
        }
    }

    /// What a failure of the first write to the store at `path` means.
    pub(super) fn from_commit(path: &Path, error: CommitError) -> Self {
        match error {
            CommitError::Sled(sled::Error::Io(error)) | CommitError::Sync(error) => {
                Self::from_io(path, error)
            }
            CommitError::Sled(error) => Self::from_fault(path, Fault::Sled(error)),
            CommitError::Panic(message) => Self::from_fault(path, Fault::Panic(message)),
        }
    }

    /// What a failure of reading the store at `path` means.
    pub(super) fn from_fault(path: &Path, fault: Fault) -> Self {
        match fault {
            Fault::Sled(sled::Error::Io(error)) => Self::from_io(path, error),
            Fault::Lost { found, reported } => Self::Lost {
                path: path.to_owned(),
                found,
                reported,
            },
            fault @ (Fault::Sled(_)
            | Fault::Panic(_)
            | Fault::Corrupt { .. }
            | Fault::Invalid(_)) => Self::Corrupt {
                path: path.to_owned(),
                source: fault.into_store_error("opening the store"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_system_names_its_way_out() {
        let path = Path::new("/data/bridge.sled");
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
                .contains("change its owner or mode")
        );
    }
}
