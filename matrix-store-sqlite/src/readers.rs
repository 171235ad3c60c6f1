//! The connections that read beside the writer.

use std::sync::{Arc, Mutex, PoisonError};

use matrix_bridge_core::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use crate::{SqliteConfig, connection, fault::Fault};

/// A few connections, each used by one call at a time on a thread for blocking work.
#[derive(Debug)]
pub(crate) struct Readers {
    config: SqliteConfig,
    /// One permit per call that runs.
    permits: Semaphore,
    /// Connections that wait for a call; `None` once closed.
    idle: Arc<Mutex<Option<Vec<Connection>>>>,
}

impl Readers {
    pub(crate) fn new(config: SqliteConfig) -> Self {
        Self {
            permits: Semaphore::new(config.max_readers),
            idle: Arc::new(Mutex::new(Some(Vec::new()))),
            config,
        }
    }

    /// Reads in one transaction: all of it sees the same commits.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::new(StoreErrorKind::Closed, doing);
        let _permit = self.permits.acquire().await.map_err(|_closed| closed())?;
        let idle = Arc::clone(&self.idle);
        let config = self.config.clone();
        let task = task::spawn_blocking(move || {
            let reused = lock(&idle).as_mut().and_then(Vec::pop);
            let mut connection = match reused {
                Some(connection) => connection,
                None => connection::open_for_reading(&config)?,
            };
            let answer = read(&mut connection, ask);
            if let Some(idle) = lock(&idle).as_mut() {
                idle.push(connection);
            }
            answer
        });
        let answer = task.await.map_err(|error| closed().with_source(error))?;
        answer.map_err(|fault| fault.into_store_error(doing))
    }

    /// Waits for running calls and lets go of the connections.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.config.max_readers).unwrap_or(u32::MAX);
        // It fails only when somebody closes at the same time, who then waits.
        let permits = self.permits.acquire_many(all).await;
        self.permits.close();
        drop(permits);
        self.let_go();
    }

    /// Lets go of the connections now; those of running calls go when these end.
    pub(crate) fn let_go(&self) {
        lock(&self.idle).take();
    }
}

/// Runs one question in a transaction of its own.
pub(crate) fn read<T>(
    connection: &mut Connection,
    ask: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction()?;
    let answer = ask(&transaction)?;
    transaction.finish()?;
    Ok(answer)
}

fn lock(
    idle: &Mutex<Option<Vec<Connection>>>,
) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
