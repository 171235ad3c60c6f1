//! The lock that makes an engine the only one.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::{error::OpenError, path};

/// Held while an engine lives. The system frees it with the process, however that ends;
/// it is never timed.
#[derive(Debug)]
pub(crate) struct EngineLock {
    file: File,
}

impl EngineLock {
    /// Takes the lock of the store in the folder `store`.
    ///
    /// It is a file of its own: sled has a lock too, but nobody could tell its refusal
    /// from other failures, and a store that is being closed may hold it a little longer.
    pub(crate) fn take(store: &Path) -> Result<Self, OpenError> {
        let lock = path::beside(store, ".lock");
        path::refuse_other_than_file(&lock)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        path::for_owner_only(&mut options);
        let file = options
            .open(&lock)
            .map_err(|error| OpenError::from_io(&lock, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: store.to_owned(),
                lock,
            }),
            Err(TryLockError::Error(error)) => Err(OpenError::from_io(&lock, error)),
        }
    }
}

impl Drop for EngineLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that was forked meanwhile holds
        // it open, and with it the lock, until it runs its own program. An error leaves
        // no more than that.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_at_once_though_somebody_inherited_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("bridge.sled");
        let lock = EngineLock::take(&store).unwrap();
        // What a fork does with every open file.
        let inherited = lock.file.try_clone().unwrap();

        assert!(EngineLock::take(&store).is_err());
        drop(lock);

        assert!(EngineLock::take(&store).is_ok());
        drop(inherited);
    }
}
