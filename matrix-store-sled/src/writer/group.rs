//! Group commit: many calls, one batch, one wait for the disk.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use matrix_bridge_core::{StoreError, StoreErrorKind, chain};

use super::job::Job;
use crate::{
    fault::Fault,
    tree::{CommitError, Disk, View, guarded},
};

/// How a batch ended for all its jobs.
pub(crate) enum Ending {
    /// Durable.
    Committed,
    /// What it means for the caller, and why.
    Failed {
        kind: StoreErrorKind,
        source: BatchError,
    },
    /// It was not begun: an earlier one left the store in doubt.
    Closed,
}

/// Why a batch failed, told to each of its callers.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the batch failed")]
pub(crate) struct BatchError(#[source] Arc<dyn std::error::Error + Send + Sync>);

impl Ending {
    /// Nothing was written.
    fn failed(fault: Fault) -> Self {
        let error = fault.into_store_error("running a call");
        Self::Failed {
            kind: error.kind(),
            source: BatchError(Arc::new(error)),
        }
    }

    /// It is not known what is there after the next start.
    fn unknown(error: CommitError) -> Self {
        Self::Failed {
            kind: StoreErrorKind::Unknown,
            source: BatchError(Arc::new(error)),
        }
    }
}

/// What the writer and those who read share.
///
/// Who reads holds the lock for the length of the call, and the writer has it for itself
/// while a batch goes to disk: so nobody sees half of a batch, nor one that is not durable
/// yet.
#[derive(Debug)]
pub(crate) struct Shared {
    /// `None` once closed.
    disk: RwLock<Option<Disk>>,
    /// Set when the disk is in doubt.
    is_poisoned: AtomicBool,
    /// Whether a copy into the store was begun and not ended.
    pub(crate) is_unfinished: AtomicBool,
    pub(crate) batches: AtomicU64,
    pub(crate) calls: AtomicU64,
}

impl Shared {
    pub(crate) const fn new(disk: Disk, is_unfinished: bool) -> Self {
        Self {
            disk: RwLock::new(Some(disk)),
            is_poisoned: AtomicBool::new(false),
            is_unfinished: AtomicBool::new(is_unfinished),
            batches: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// Reads beside the writer.
    pub(crate) fn read<T>(
        &self,
        doing: &str,
        ask: impl FnOnce(&View) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let disk = self.shared();
        let Some(disk) = disk.as_ref().filter(|_| !self.is_poisoned()) else {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        };
        let answer = guarded(|| ask(&View::of(disk.tree())));
        answer
            .and_then(|answer| answer)
            .map_err(|fault| self.judge(fault).into_store_error(doing))
    }

    /// Runs all jobs in one batch, then answers all. A job that fails undoes only its own
    /// work.
    pub(crate) fn run(&self, mut jobs: Vec<Box<dyn Job>>) {
        let ending = self.commit(&mut jobs);
        for job in jobs {
            job.answer(&ending);
        }
    }

    /// Lets go of the files, once nobody reads any more.
    pub(crate) fn close(&self) {
        let disk = self.alone().take();
        // sled syncs once more, and panics where that fails.
        if let Err(fault) = guarded(|| drop(disk)) {
            let error = fault.into_store_error("closing the store");
            tracing::error!(error = %chain(&error), "sled could not be closed");
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.is_poisoned.load(Ordering::SeqCst)
    }

    fn commit(&self, jobs: &mut [Box<dyn Job>]) -> Ending {
        self.calls.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        let batch = {
            let disk = self.shared();
            let Some(disk) = disk.as_ref().filter(|_| !self.is_poisoned()) else {
                return Ending::Closed;
            };
            let mut view = View::of(disk.tree());
            if let Err(fault) = guarded(|| run_jobs(jobs, &mut view)) {
                return Ending::failed(self.judge(fault));
            }
            view.into_batch()
        };
        let Some(batch) = batch else {
            return Ending::Committed;
        };
        self.batches.fetch_add(1, Ordering::Relaxed);
        // Only this thread writes: what the jobs have read still stands.
        let written = match self.alone().as_ref() {
            Some(disk) => disk.commit(batch),
            None => return Ending::Closed,
        };
        match written {
            Ok(()) => Ending::Committed,
            Err(error) => self.commit_failed(error),
        }
    }

    /// The log may hold the batch, and what is in memory is not what the disk holds:
    /// whoever goes on builds on sand.
    fn commit_failed(&self, error: CommitError) -> Ending {
        tracing::error!(%error, "a commit failed; the store closes itself");
        self.poison();
        Ending::unknown(error)
    }

    /// After a panic nothing that sled has in memory is to be trusted.
    fn judge(&self, fault: Fault) -> Fault {
        if let Fault::Panic(message) = &fault {
            tracing::error!(%message, "the store closes itself");
            self.poison();
        }
        fault
    }

    fn poison(&self) {
        self.is_poisoned.store(true, Ordering::SeqCst);
    }

    fn shared(&self) -> RwLockReadGuard<'_, Option<Disk>> {
        self.disk.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, Option<Disk>> {
        self.disk.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run_jobs(jobs: &mut [Box<dyn Job>], view: &mut View) {
    for job in jobs {
        view.begin();
        if !job.run(view) {
            view.undo();
        }
    }
}
