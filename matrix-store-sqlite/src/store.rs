//! The store as its users hold it.

use std::{
    fmt,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use matrix_bridge_core::{StoreError, StoreErrorKind, chain};
use rusqlite::Connection;
use tokio::task;

use crate::{
    BackupError, OpenError, SqliteConfig, backup,
    fault::{Fault, Reason},
    marks::Marks,
    readers::Readers,
    tables,
    writer::{self, Call, Closed, Shared, Work, WriterHandle},
};

/// A store in one SQLite file.
///
/// Calls are made within a tokio runtime, unless the store was opened
/// [inline](SqliteConfig::inline).
///
/// Dropping it without [`close`](matrix_bridge_core::StateStore::close) is safe: what
/// was answered is durable, and what still waits is written before the drop returns.
pub struct SqliteStore {
    config: SqliteConfig,
    role: Role,
    writer: WriterHandle,
    readers: Readers,
    shared: Arc<Shared>,
}

/// What the store was opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// The one that does the work.
    Engine,
    /// Reports and a person's commands.
    Reader,
    /// Nothing but copying, from it or into it.
    Copier,
}

/// How much the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WriterStats {
    /// Calls that write.
    pub calls: u64,
    /// Transactions they were grouped into; each is one wait for the disk.
    pub transactions: u64,
}

impl SqliteStore {
    /// Opens or creates the store at `path` for an engine, with the defaults of
    /// [`SqliteConfig`].
    ///
    /// # Errors
    ///
    /// As [`SqliteConfig::open_engine`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteConfig::new(path).open_engine()
    }

    pub(crate) fn new(
        config: SqliteConfig,
        role: Role,
        writer: WriterHandle,
        shared: Arc<Shared>,
    ) -> Self {
        let readers = Readers::new(config.clone());
        Self {
            config,
            role,
            writer,
            readers,
            shared,
        }
    }

    /// The file, with the full path of its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// Writes a copy of the store as it is at one moment to `to`, which must not be there
    /// yet, while the engine goes on with its work.
    ///
    /// The copy is for its owner only, is synced, and has its name only once it is whole;
    /// until then it is called `<to>.partial`. It takes as long as reading the file, and a
    /// journal that the engine writes meanwhile is not cut back until it is made.
    ///
    /// # Errors
    ///
    /// [`BackupError`]: what is at that place is left alone, and the store in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// use matrix_bridge_store_sqlite::SqliteStore;
    ///
    /// let store = SqliteStore::open(folder.join("bridge.db"))?;
    /// store.back_up(folder.join("bridge-2026-11-21.db")).await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub async fn back_up(&self, to: impl AsRef<Path>) -> Result<(), BackupError> {
        let (config, path) = (self.config.clone(), to.as_ref().to_owned());
        if let WriterHandle::Inline(_) = self.writer {
            return backup::back_up(&config, &path);
        }
        let to = path.clone();
        let copy = task::spawn_blocking(move || backup::back_up(&config, &to));
        copy.await.unwrap_or_else(|error| {
            let source = OpenError::Io {
                path: self.path().to_owned(),
                source: error.into(),
            };
            Err(BackupError::Failed { path, source })
        })
    }

    /// How much the writer has done; the quotient says how well calls are grouped.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        WriterStats {
            calls: self.shared.calls.load(Ordering::Relaxed),
            transactions: self.shared.transactions.load(Ordering::Relaxed),
        }
    }

    /// The marks in memory; `None` where they are not needed often.
    pub(crate) fn marks(&self) -> Option<&Marks> {
        match self.role {
            Role::Engine => Some(&self.shared.marks),
            Role::Reader | Role::Copier => None,
        }
    }

    /// Reads beside the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse(Role::Copier, doing)?;
        self.read_as_anyone(doing, ask).await
    }

    /// The same, whatever the store was opened for.
    pub(crate) async fn read_as_anyone<T: Send + 'static>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse_if_poisoned(doing)?;
        match &self.writer {
            WriterHandle::Inline(guarded) => WriterHandle::read_inline(guarded, doing, ask),
            WriterHandle::Thread { .. } => self.readers.read(doing, ask).await,
        }
    }

    /// Writes what only the engine may write.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse(Role::Reader, doing)?;
        self.refuse(Role::Copier, doing)?;
        self.hand_in(doing, false, run).await
    }

    /// The same in a transaction of its own, for work that takes long.
    pub(crate) async fn write_alone<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse(Role::Reader, doing)?;
        self.refuse(Role::Copier, doing)?;
        self.hand_in(doing, true, run).await
    }

    /// Writes what a person may do beside the engine.
    pub(crate) async fn write_as_person<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse(Role::Copier, doing)?;
        self.hand_in(doing, false, run).await
    }

    /// Writes what a copy brings.
    pub(crate) async fn write_as_copier<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse(Role::Engine, doing)?;
        self.refuse(Role::Reader, doing)?;
        self.hand_in(doing, true, run).await
    }

    async fn hand_in<T: Send + 'static>(
        &self,
        doing: &'static str,
        is_alone: bool,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Call::boxed(doing, is_alone, run);
        match self.writer.hand_in(job).await {
            Ok(()) => writer::answer(doing, answer).await,
            Err(Closed) => Err(StoreError::new(StoreErrorKind::Closed, doing)),
        }
    }

    /// Fails once the store is closed; for calls that need neither side.
    pub(crate) fn refuse_if_closed(&self, doing: &'static str) -> Result<(), StoreError> {
        self.refuse_if_poisoned(doing)?;
        if self.writer.is_closed() {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        Ok(())
    }

    pub(crate) async fn close_all(&self) {
        if self.role == Role::Engine {
            self.end_in_order().await;
        }
        // The writer last: it has the lock, and closing the last connection tidies up.
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Writes down that there was no crash.
    async fn end_in_order(&self) {
        let end = self.hand_in("closing the store", true, |work| {
            tables::engine::set_running(work.connection, false)
        });
        if let Err(error) = end.await
            && error.kind() != StoreErrorKind::Closed
        {
            // The next engine then looks through the file as after a crash.
            tracing::warn!(error = %chain(&error), "the store could not be marked as closed");
        }
    }

    fn refuse_if_poisoned(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.shared.is_poisoned.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        Ok(())
    }

    /// Fails where the store was opened as that.
    fn refuse(&self, role: Role, doing: &'static str) -> Result<(), StoreError> {
        if self.role != role {
            return Ok(());
        }
        let reason = match role {
            Role::Engine => "the store was opened for an engine; open it for copying",
            Role::Reader => "the store was opened as a reader, beside its engine",
            Role::Copier => "the store was opened for nothing but copying",
        };
        Err(StoreError::new(StoreErrorKind::Invalid, doing).with_source(Reason(reason)))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.let_go();
        self.writer.close_blocking();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.config.path)
            .field("role", &self.role)
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
