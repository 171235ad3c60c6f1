//! sled, and what it leaves to be done.

use std::{
    fs::{self, File},
    io,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use sled::{Batch, Db, Tree};

use super::{Key, Table, tally::Tally, view::View};
use crate::fault::{Fault, PanicMessage};

/// What sled calls its log.
const LOG: &str = "db";
/// What it calls a summary of the log that is not whole yet.
const UNFINISHED: &str = ".generating";

/// An open database.
#[derive(Debug)]
pub(crate) struct Disk {
    /// `None` once dropped.
    db: Option<Db>,
    tree: Tree,
    /// The log once more: sled does not sync it.
    log: File,
    tally: Tally,
    /// How many batches were ever written.
    commits: AtomicU64,
}

/// Where that number is in the tree.
pub(crate) fn commits_key() -> Key {
    Key::of(Table::Meta).text("commits")
}

/// Why it is not known whether a batch is on disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error("sled could not write its log")]
    Sled(#[source] sled::Error),
    #[error("the log could not be synced")]
    Sync(#[source] io::Error),
    #[error(transparent)]
    Panic(PanicMessage),
}

impl Disk {
    /// Opens or creates the database in `folder`, which nobody else may have open.
    ///
    /// # Errors
    ///
    /// [`Fault::Lost`] also where sled has nothing to say against its log.
    pub(crate) fn open(folder: &Path, cache: u64) -> Result<Self, Fault> {
        remove_unfinished(folder).map_err(io_fault)?;
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache)
            // We flush after every batch.
            .flush_every_ms(None);
        let db = guarded(|| config.open())??;
        let log = File::open(folder.join(LOG)).map_err(io_fault)?;
        log.sync_all().map_err(io_fault)?;
        // The names of what was created.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_fault)?;
        let tree = Tree::clone(&db);
        let found = guarded(|| View::of(&tree).number(&commits_key()))??;
        let tally = Tally::open(folder).map_err(io_fault)?;
        let reported = tally.read().map_err(io_fault)?;
        if found < reported {
            return Err(Fault::Lost { found, reported });
        }
        Ok(Self {
            db: Some(db),
            tree,
            log,
            tally,
            commits: AtomicU64::new(found),
        })
    }

    pub(crate) const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Writes all of it, durably, or nothing. After an error neither is known, and nothing
    /// more may be written.
    pub(crate) fn commit(&self, mut batch: Batch) -> Result<(), CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        batch.insert(commits_key().into_bytes(), &number.to_be_bytes());
        let applied = panic::catch_unwind(AssertUnwindSafe(|| {
            self.tree.apply_batch(batch)?;
            self.tree.flush().map(drop)
        }));
        match applied {
            Ok(applied) => applied.map_err(CommitError::Sled)?,
            Err(panic) => return Err(CommitError::Panic(PanicMessage::of(&*panic))),
        }
        // sled has only asked the system to write the pages: what the disk has in its
        // own memory would be lost with the power, and so would the file's new length.
        self.log.sync_data().map_err(CommitError::Sync)?;
        self.tally.note(number);
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let db = self.db.take();
        // It syncs, and panics where that fails.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| drop(db))) {
            let message = PanicMessage::of(&*panic);
            tracing::error!(%message, "sled could not be closed");
        }
    }
}

/// Runs `run`, in which sled may panic over damaged data.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Fault> {
    // What was changed meanwhile is not used any more: the store closes itself.
    panic::catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| Fault::Panic(PanicMessage::of(&*panic)))
}

/// Removes what a process that was killed while it opened the database has left. sled
/// would take it for the newest summary, and for a damaged one.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn io_fault(error: io::Error) -> Fault {
    Fault::Sled(error.into())
}
