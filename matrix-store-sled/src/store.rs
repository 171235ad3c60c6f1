//! The store as its users hold it.

use std::{
    fmt,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use matrix_bridge_core::{StoreError, StoreErrorKind, chain};
use tokio::task;

use crate::{
    OpenError, SledConfig,
    fault::{Fault, Reason},
    open::meta,
    tree::View,
    writer::{self, Call, Closed, Shared, Writer},
};

/// A store in one folder, kept by sled.
///
/// Calls are made within a tokio runtime, unless the store was opened
/// [inline](SledConfig::inline).
///
/// Dropping it without [`close`](matrix_bridge_core::StateStore::close) is safe: what
/// was answered is durable, and what still waits is written before the drop returns.
pub struct SledStore {
    config: SledConfig,
    role: Role,
    writer: Writer,
    shared: Arc<Shared>,
}

/// What the store was opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// The one that does the work.
    Engine,
    /// Copying from it or into it.
    Copy,
}

/// How much the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WriterStats {
    /// Calls that write.
    pub calls: u64,
    /// Batches they were grouped into; each is one wait for the disk.
    pub batches: u64,
}

impl SledStore {
    /// Opens or creates the store in the folder `path` for an engine, with the defaults of
    /// [`SledConfig`].
    ///
    /// # Errors
    ///
    /// As [`SledConfig::open_engine`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SledConfig::new(path).open_engine()
    }

    pub(crate) const fn new(
        config: SledConfig,
        role: Role,
        writer: Writer,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            config,
            role,
            writer,
            shared,
        }
    }

    /// The store's folder, with the full path of the folder that it lies in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// How much the writer has done; the quotient says how well calls are grouped.
    #[must_use]
    pub fn writer_stats(&self) -> WriterStats {
        WriterStats {
            calls: self.shared.calls.load(Ordering::Relaxed),
            batches: self.shared.batches.load(Ordering::Relaxed),
        }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Reads what an engine reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse_unless_engine(doing)?;
        self.ask(doing, ask).await
    }

    /// Writes what an engine writes.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.refuse_unless_engine(doing)?;
        self.hand_in(doing, run).await
    }

    /// Reads, whatever the store was opened for.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.writer.is_inline() {
            return self.shared.read(doing, ask);
        }
        let shared = Arc::clone(&self.shared);
        let task = task::spawn_blocking(move || shared.read(doing, ask));
        let closed = |error| StoreError::new(StoreErrorKind::Closed, doing).with_source(error);
        task.await.map_err(closed)?
    }

    /// Writes, whatever the store was opened for.
    pub(crate) async fn hand_in<T: Send + 'static>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut View) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.shared.is_poisoned() {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        let (job, answer) = Call::boxed(doing, run);
        match self.writer.hand_in(job).await {
            Ok(()) => writer::answer(doing, answer).await,
            Err(Closed) => Err(StoreError::new(StoreErrorKind::Closed, doing)),
        }
    }

    pub(crate) async fn close_all(&self) {
        if self.role == Role::Engine {
            self.end_in_order().await;
        }
        self.writer.close().await;
    }

    /// Writes down that there was no crash.
    async fn end_in_order(&self) {
        let end = self.hand_in("closing the store", |view| {
            meta::set_running(view, false);
            Ok(())
        });
        if let Err(error) = end.await
            && error.kind() != StoreErrorKind::Closed
        {
            // The next engine then ends leases and claims as after a crash.
            tracing::warn!(error = %chain(&error), "the store could not be marked as closed");
        }
    }

    fn refuse_unless_engine(&self, doing: &'static str) -> Result<(), StoreError> {
        let reason = match self.role {
            Role::Copy => "the store was opened for copying; open it as an engine",
            Role::Engine if self.shared.is_unfinished.load(Ordering::SeqCst) => {
                "a copy into this store was not finished; copy again"
            }
            Role::Engine => return Ok(()),
        };
        Err(StoreError::new(StoreErrorKind::Invalid, doing).with_source(Reason(reason)))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.writer.close_blocking();
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("path", &self.config.path)
            .field("role", &self.role)
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
