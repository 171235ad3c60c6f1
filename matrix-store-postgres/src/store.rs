//! The store as its users hold it.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use matrix_bridge_core::{StoreError, StoreErrorKind};
use tokio::sync::RwLock;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    PostgresConfig,
    config::LeaseClock,
    fault::{Fault, Reason},
    listen,
    pool::Connections,
    session::Session,
    worker::Worker,
};

/// A store in a PostgreSQL database, on which any number of processes work.
///
/// It is opened and used within one tokio runtime. Dropping it without
/// [`close`](matrix_bridge_core::StateStore::close) is safe: others take its claims over
/// as from a process that was killed.
pub struct PostgresStore {
    pub(crate) config: PostgresConfig,
    connections: Arc<Connections>,
    worker: Arc<Worker>,
    /// How far the clock that claims go by was ahead of ours when we last asked.
    ahead: AtomicI64,
    /// Whether it is closed; held by calls while they run.
    is_closed: RwLock<bool>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl PostgresStore {
    /// Opens the store in the database at `url` with the defaults of [`PostgresConfig`].
    ///
    /// # Errors
    ///
    /// As [`PostgresConfig::new`] and [`PostgresConfig::open`].
    pub async fn open(url: &str) -> Result<Self, crate::OpenError> {
        PostgresConfig::new(url)?.open().await
    }

    /// The PostgreSQL schema that its tables are in.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.config.schema
    }

    pub(crate) fn new(
        config: PostgresConfig,
        connections: Arc<Connections>,
        worker: Arc<Worker>,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        if !config.for_copy {
            let (beating, pool, until) = (worker.clone(), connections.clone(), stop.clone());
            tasks.spawn(async move { beating.keep(&pool, &until).await });
        }
        if config.listens && !config.for_copy {
            tasks.spawn(listen::listen(config.clone(), worker.clone(), stop.clone()));
        }
        Self {
            config,
            connections,
            worker,
            ahead: AtomicI64::new(0),
            is_closed: RwLock::new(false),
            tasks,
            _guard: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Makes one call of an engine.
    pub(crate) async fn call<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        doing: &str,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, StoreError> {
        if self.config.for_copy {
            let reason = Reason("the store was opened for a copy; open it anew");
            return Err(StoreError::new(StoreErrorKind::Invalid, doing).with_source(reason));
        }
        self.call_of_copy(doing, work).await
    }

    /// Makes one call of a copy.
    pub(crate) async fn call_of_copy<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        doing: &str,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, StoreError> {
        let is_closed = self.is_closed.read().await;
        if *is_closed {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        self.connections.call(doing, work).await
    }

    /// Tells other processes that rows may have become claimable.
    pub(crate) async fn tell(&self) {
        self.worker.tell(&self.connections).await;
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(crate) const fn clock(&self) -> LeaseClock {
        self.config.clock
    }

    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    pub(crate) fn note_ahead(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    pub(crate) async fn close_all(&self) {
        let mut is_closed = self.is_closed.write().await;
        if *is_closed {
            return;
        }
        *is_closed = true;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.worker.leave(&self.connections).await;
        self.connections.close();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("config", &self.config)
            .field("worker", &self.worker.id())
            .finish_non_exhaustive()
    }
}
