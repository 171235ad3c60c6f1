//! The side that writes: one connection, on a thread of its own or on the caller's.

mod group;
mod job;

use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use matrix_bridge_core::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use self::job::Job;
pub(crate) use self::{
    group::{Shared, Writer},
    job::{Call, Work},
};
use crate::{fault::Fault, open::EngineLock, readers};

/// How many calls share a transaction at most, and how many may wait for the next one.
const GROUP: usize = 256;

/// The engine's lock goes after the connection, whatever happens.
pub(crate) struct Guarded {
    pub(crate) writer: Writer,
    pub(crate) lock: Option<EngineLock>,
}

/// Where calls that write are handed in.
pub(crate) enum WriterHandle {
    Thread {
        /// `None` once closed.
        jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
        thread: Mutex<Option<JoinHandle<()>>>,
        /// Its sender is dropped when the thread has let go of everything.
        ended: watch::Receiver<()>,
    },
    /// `None` once closed.
    Inline(Box<Mutex<Option<Guarded>>>),
}

impl WriterHandle {
    /// Starts the writer's thread.
    pub(crate) fn on_thread(guarded: Guarded) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(GROUP);
        let (is_running, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("matrix-sqlite".to_owned())
            .spawn(move || {
                work(guarded, waiting);
                drop(is_running);
            })?;
        Ok(Self::Thread {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    /// Runs every call on its caller.
    pub(crate) fn inline(guarded: Guarded) -> Self {
        Self::Inline(Box::new(Mutex::new(Some(guarded))))
    }

    /// Hands in one job, not waiting for its answer but for its place.
    pub(crate) async fn hand_in(&self, job: Box<dyn Job>) -> Result<(), Closed> {
        match self {
            Self::Thread { jobs, .. } => {
                let jobs = lock(jobs).clone().ok_or(Closed)?;
                jobs.send(job).await.map_err(|_job| Closed)
            }
            Self::Inline(guarded) => {
                let mut guarded = lock(guarded);
                guarded.as_mut().ok_or(Closed)?.writer.run(vec![job]);
                Ok(())
            }
        }
    }

    /// Runs a question on the writer's own connection; only inline.
    pub(crate) fn read_inline<T>(
        guarded: &Mutex<Option<Guarded>>,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut guarded = lock(guarded);
        let Some(guarded) = guarded.as_mut() else {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        };
        readers::read(guarded.writer.connection(), ask)
            .map_err(|fault| fault.into_store_error(doing))
    }

    /// Takes no more calls, and waits until all that were taken have run and the files
    /// are let go.
    pub(crate) async fn close(&self) {
        self.stop_taking();
        if let Self::Thread { ended, .. } = self {
            // An error is what is waited for: the sender was dropped.
            let _ended = ended.clone().changed().await;
        }
    }

    /// The same, without a runtime.
    pub(crate) fn close_blocking(&self) {
        self.stop_taking();
        if let Self::Thread { thread, .. } = self
            && let Some(thread) = lock(thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread had panicked");
        }
    }

    /// Whether it takes no more calls.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Thread { jobs, .. } => lock(jobs).is_none(),
            Self::Inline(guarded) => lock(guarded).is_none(),
        }
    }

    fn stop_taking(&self) {
        match self {
            Self::Thread { jobs, .. } => drop(lock(jobs).take()),
            Self::Inline(guarded) => drop(lock(guarded).take()),
        }
    }
}

impl fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread { .. } => "Thread",
            Self::Inline(_) => "Inline",
        })
    }
}

/// The writer takes no more calls.
#[derive(Debug)]
pub(crate) struct Closed;

/// The answer, or what it means that there is none.
pub(crate) async fn answer<T>(
    doing: &'static str,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    // The thread ended in between: whether its last commit stands is not known.
    answer
        .await
        .unwrap_or_else(|_lost| Err(StoreError::new(StoreErrorKind::Unknown, doing)))
}

/// The writer's thread: takes what waits, writes it in one transaction, again.
fn work(guarded: Guarded, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    let Guarded { mut writer, lock } = guarded;
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && !group.last().is_some_and(|job| job.is_alone())
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
        // Only the last can be one that wants to be alone.
        let alone = group.pop_if(|job| job.is_alone());
        if !group.is_empty() {
            writer.run(group);
        }
        if let Some(job) = alone {
            writer.run(vec![job]);
        }
    }
    drop(writer);
    drop(lock);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
