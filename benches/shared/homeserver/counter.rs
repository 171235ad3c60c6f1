//! Counts up to a number that somebody waits for.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts up to a number that somebody waits for.
#[derive(Debug)]
pub(crate) struct Counter {
    count: AtomicUsize,
    target: usize,
    reached: Notify,
}

impl Counter {
    pub(crate) fn up_to(target: usize) -> Self {
        Self {
            count: AtomicUsize::new(0),
            target,
            reached: Notify::new(),
        }
    }

    /// Counts one; returns how many there were before.
    pub(crate) fn add(&self) -> usize {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if before + 1 == self.target {
            self.reached.notify_one();
        }
        before
    }

    /// Waits for the number; one waiter, once.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }
}
