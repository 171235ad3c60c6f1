//! How a store is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{OpenError, SqliteStore, open};

/// Says which file a [`SqliteStore`] opens, and how.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("bridge.db");
/// use std::time::Duration;
///
/// use matrix_bridge_store_sqlite::SqliteConfig;
///
/// let store = SqliteConfig::new(&path)
///     .busy_timeout(Duration::from_secs(2))
///     .open_engine()?;
/// assert!(store.path().ends_with("bridge.db"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
    pub(crate) synchronous: Synchronous,
    pub(crate) max_readers: usize,
    pub(crate) max_pages: Option<u32>,
    pub(crate) is_inline: bool,
}

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Synchronous {
    /// When the disk has it: survives a crash of the process and a loss of power.
    #[default]
    Full,
    /// When the operating system has it. Survives a crash of the process; a loss of power
    /// may take the last commits with it, which breaks the store's contract.
    Normal,
}

impl SqliteConfig {
    /// The file at `path`, with what fits most services.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            busy_timeout: Duration::from_secs(5),
            synchronous: Synchronous::default(),
            max_readers: 4,
            max_pages: None,
            is_inline: false,
        }
    }

    /// How long a call waits while another process writes, before it fails as
    /// unavailable; 5 s.
    #[must_use]
    pub const fn busy_timeout(mut self, span: Duration) -> Self {
        self.busy_timeout = span;
        self
    }

    /// When a commit counts as durable; [`Synchronous::Full`].
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How many calls may read at once, each on a connection of its own; 4, at least 1.
    #[must_use]
    pub const fn max_readers(mut self, readers: usize) -> Self {
        self.max_readers = if readers == 0 { 1 } else { readers };
        self
    }

    /// How large the file may grow, in pages of 4096 bytes; no limit. A commit that needs
    /// more fails as unavailable, like one on a full disk.
    #[must_use]
    pub const fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }

    /// Without threads: every call runs to its end on the caller, before it is awaited
    /// again. For tests in tokio's paused time, which runs ahead of foreign threads.
    #[must_use]
    pub const fn inline(mut self) -> Self {
        self.is_inline = true;
        self
    }

    /// Opens the store for the one engine that works on it; creates the file if there is
    /// none, and brings an older schema up to date.
    ///
    /// It reads the marks into memory and so takes a moment on a large file; call it
    /// before the service takes requests.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what was found and what to do. The file is as it was, also
    /// where it is not ours.
    pub fn open_engine(self) -> Result<SqliteStore, OpenError> {
        open::engine(self)
    }

    /// Opens the store for nothing but being [copied](matrix_bridge_core::copy) into
    /// another, or filled by a copy, also where an earlier one was not finished; creates
    /// the file if there is none, and brings an older schema up to date.
    ///
    /// No engine can work on it meanwhile. Of the store's calls those of
    /// [`Contents`](matrix_bridge_core::Contents), [`back_up`](SqliteStore::back_up) and
    /// `close` work; all others fail as invalid. Close or drop it before an engine opens
    /// the file.
    ///
    /// # Errors
    ///
    /// As [`open_engine`](Self::open_engine).
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// use matrix_bridge_core::{MemoryStore, copy};
    /// use matrix_bridge_store_sqlite::{SqliteConfig, SqliteStore};
    ///
    /// let old = MemoryStore::new(); // or any other store
    /// let path = folder.join("bridge.db");
    /// let new = SqliteConfig::new(&path).open_for_copy()?;
    /// copy(&old, &new, |_| ()).await?;
    /// drop(new);
    ///
    /// let store = SqliteStore::open(&path)?;
    /// # drop(store);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_for_copy(self) -> Result<SqliteStore, OpenError> {
        open::for_copy(self)
    }

    /// Opens an existing store beside its running engine, for reports and for a person's
    /// commands.
    ///
    /// It takes no lock and changes no schema. Reading, `requeue`, `discard`, `replace`
    /// and a `commit` that decides about parked events work: one that has no owner, moves
    /// no source, and only adds to the inbox, the outbox, parked events and values.
    /// Whatever only the engine may do fails as invalid.
    ///
    /// # Errors
    ///
    /// [`OpenError`], also if the file is not there or the engine that wrote it last had
    /// another schema.
    pub fn open_reader(self) -> Result<SqliteStore, OpenError> {
        open::reader(self)
    }
}
