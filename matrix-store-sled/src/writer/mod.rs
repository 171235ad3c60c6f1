//! The side that writes: one thread of its own, or the caller's.

mod group;
mod job;

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use matrix_bridge_core::{StoreError, StoreErrorKind};
use tokio::sync::{mpsc, oneshot, watch};

use self::job::Job;
pub(crate) use self::{group::Shared, job::Call};
use crate::open::EngineLock;

/// How many calls share a batch at most, and how many may wait for the next one.
const GROUP: usize = 256;

/// Where calls that write are handed in.
pub(crate) enum Writer {
    Thread {
        /// `None` once closed.
        jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
        thread: Mutex<Option<JoinHandle<()>>>,
        /// Its sender is dropped when the thread has let go of everything.
        ended: watch::Receiver<()>,
    },
    Inline {
        /// `None` once closed. One call at a time has it.
        lock: Mutex<Option<EngineLock>>,
        shared: Arc<Shared>,
    },
}

impl Writer {
    /// Starts the writer's thread.
    pub(crate) fn on_thread(shared: Arc<Shared>, lock: EngineLock) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(GROUP);
        let (is_running, ended) = watch::channel(());
        let thread = thread::Builder::new()
            .name("matrix-sled".to_owned())
            .spawn(move || {
                work(&shared, waiting);
                shared.close();
                // After the files, whatever happens.
                drop(lock);
                drop(is_running);
            })?;
        Ok(Self::Thread {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    /// Runs every call on its caller.
    pub(crate) const fn inline(shared: Arc<Shared>, lock: EngineLock) -> Self {
        Self::Inline {
            lock: Mutex::new(Some(lock)),
            shared,
        }
    }

    /// Hands in one job, not waiting for its answer but for its place.
    pub(crate) async fn hand_in(&self, job: Box<dyn Job>) -> Result<(), Closed> {
        match self {
            Self::Thread { jobs, .. } => {
                let jobs = locked(jobs).clone().ok_or(Closed)?;
                jobs.send(job).await.map_err(|_job| Closed)
            }
            Self::Inline { lock, shared } => {
                let is_open = locked(lock);
                let _is_open = is_open.as_ref().ok_or(Closed)?;
                shared.run(vec![job]);
                Ok(())
            }
        }
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
            && let Some(thread) = locked(thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread had panicked");
        }
    }

    pub(crate) const fn is_inline(&self) -> bool {
        matches!(self, Self::Inline { .. })
    }

    fn stop_taking(&self) {
        match self {
            Self::Thread { jobs, .. } => drop(locked(jobs).take()),
            Self::Inline { lock, shared } => {
                let lock = locked(lock).take();
                shared.close();
                drop(lock);
            }
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread { .. } => "Thread",
            Self::Inline { .. } => "Inline",
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

/// The writer's thread: takes what waits, writes it in one batch, again.
fn work(shared: &Shared, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = waiting.try_recv()
        {
            group.push(job);
        }
        shared.run(group);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
