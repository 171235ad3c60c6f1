//! A request on its way, as its sender's pace knows it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Work, measure::Refusal, pace::Turn, paces::Key};
use crate::{backoff, time::Moment};

/// A request that may go. Dropped, it counts as lost.
pub(super) struct Flight<'a> {
    work: &'a Work,
    key: Key,
    started: Moment,
    is_over: bool,
}

impl<'a> Flight<'a> {
    /// Waits for a request's turn; `None` if that is not soon, or we are told to stop.
    pub(super) async fn begin(work: &'a Work, key: Key, stop: &CancellationToken) -> Option<Self> {
        let shared = &work.shared;
        loop {
            let now = shared.steady();
            let turn = work.paces().ask(&key, now);
            let slot = match turn {
                Turn::Now => return Some(Self::new(work, key, now)),
                Turn::Later(_) => return None,
                Turn::At(slot) => slot,
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = shared.clock.sleep(slot.at.since(now)) => {}
            }
            let now = shared.steady();
            if work.paces().take(&key, slot, now) {
                return Some(Self::new(work, key, now));
            }
        }
    }

    const fn new(work: &'a Work, key: Key, started: Moment) -> Self {
        Self {
            work,
            key,
            started,
            is_over: false,
        }
    }

    /// It was accepted.
    pub(super) fn accepted(mut self) {
        self.is_over = true;
        let now = self.work.shared.steady();
        self.work.paces().accepted(&self.key, self.started, now);
    }

    /// It was refused. Returns whether the wait is one to tell operators of.
    pub(super) fn refused(mut self, retry_after: Duration) -> bool {
        self.is_over = true;
        let shared = &self.work.shared;
        let refusal = Refusal {
            started: self.started,
            answered: shared.steady(),
            retry_after,
        };
        let longest = (retry_after / 10).min(Duration::from_millis(100));
        let jitter = backoff::scaled(longest, shared.random.next_u64());
        self.work.paces().refused(&self.key, refusal, jitter)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let now = self.work.shared.steady();
            self.work.paces().lost(&self.key, now);
        }
    }
}
