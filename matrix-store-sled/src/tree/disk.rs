//! sled, and what it leaves to be done.

use std::{
    fs::{self, File, OpenOptions},
    io,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use sled::{Batch, Db, Tree};

use super::{Key, Table, tally::Tally, view::View};
use crate::fault::{Fault, PanicMessage};

/// What sled calls its log.
const LOG: &str = "db";
/// What it calls a summary of the log that is not whole yet.
const UNFINISHED: &str = ".generating";
/// How often it is looked whether sled has let go of it, over half a second.
/// After an error it may never do so.
const LETTING_GO: u32 = 100;

/// An open database.
#[derive(Debug)]
pub(crate) struct Disk {
    db: Db,
    /// After sled, which may hold it a moment longer.
    log: Log,
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
        let log = Log::open(folder).map_err(io_fault)?;
        // The names of what was created.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_fault)?;
        let found = guarded(|| View::of(&db).number(&commits_key()))??;
        let tally = Tally::open(folder).map_err(io_fault)?;
        let reported = tally.read().map_err(io_fault)?;
        let disk = Self {
            db,
            log,
            tally,
            commits: AtomicU64::new(found),
        };
        match found < reported {
            true => Err(Fault::Lost { found, reported }),
            false => Ok(disk),
        }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.db
    }

    /// Writes all of it, durably, or nothing. After an error neither is known, and nothing
    /// more may be written.
    pub(crate) fn commit(&self, mut batch: Batch) -> Result<(), CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        batch.insert(commits_key().into_bytes(), &number.to_be_bytes());
        let applied = panic::catch_unwind(AssertUnwindSafe(|| {
            self.db.apply_batch(batch)?;
            self.db.flush().map(drop)
        }));
        match applied {
            Ok(applied) => applied.map_err(CommitError::Sled)?,
            Err(panic) => return Err(CommitError::Panic(PanicMessage::of(&*panic))),
        }
        // sled has only asked the system to write the pages: what the disk has in its
        // own memory would be lost with the power, and so would the file's new length.
        self.log.0.sync_data().map_err(CommitError::Sync)?;
        self.tally.note(number);
        Ok(())
    }
}

/// The log once more: sled does not sync it.
#[derive(Debug)]
struct Log(File);

impl Log {
    fn open(folder: &Path) -> io::Result<Self> {
        // Not every system syncs what is open for reading only.
        let mut options = OpenOptions::new();
        let log = options.read(true).write(true).open(folder.join(LOG))?;
        log.sync_all()?;
        Ok(Self(log))
    }
}

impl Drop for Log {
    /// Waits until sled has let go of it: it is closed by whichever of sled's threads was
    /// the last to look at it, and whoever opens the store next would be refused.
    fn drop(&mut self) {
        for _ in 0..LETTING_GO {
            if self.0.try_lock().is_ok() {
                return;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        tracing::warn!("sled still holds its log; opening the store again may be refused");
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
