//! What refusals tell about a limit: pure.
//!
//! Synapse's bucket leaks evenly and a refusal says when the next request fits. So from
//! what one refusal named to what the next one named exactly the requests fit that were
//! accepted between them, unless the bucket ran empty meanwhile.

use std::{cmp::Reverse, collections::VecDeque, time::Duration};

use crate::time::Moment;

/// Times are whole milliseconds.
pub(super) const ROUNDING: Duration = Duration::from_millis(2);

/// What is not learned better than to this part is put to the test.
const PRECISE: u32 = 100;

/// So many bunches are remembered.
const BUNCHES: usize = 4;

/// So many refusals in a row may be the doing of others.
const ODD: u32 = 2;

/// So many requests are remembered, to tell which began after one that was refused.
const RECENT: usize = 256;

/// A refusal as it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    /// When the request began.
    pub(super) started: Moment,
    /// When the answer came.
    pub(super) answered: Moment,
    /// How long the homeserver asks to wait.
    pub(super) retry_after: Duration,
}

impl Refusal {
    /// When the next request fits; the answer's way is in it.
    pub(super) fn named(&self) -> Moment {
        self.answered + self.retry_after
    }

    fn took(&self) -> Duration {
        self.answered.since(self.started)
    }
}

/// What is learned of a limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    since: Option<Since>,
    /// Whether there was a refusal, so that few requests go at once by now.
    is_begun: bool,
    /// What the first wait gave: one alone might be somebody else's doing.
    first: Option<Estimate>,
    best: Option<Estimate>,
    /// The longest wait that was asked for. A bucket that leaks asks for no longer than
    /// one request takes out of it.
    longest: Duration,
    /// How many refusals in a row came earlier than what is believed explains.
    odd: u32,
    /// Requests that were accepted in short order, and in which time: how much the
    /// bucket holds.
    bunches: Vec<(u32, Duration)>,
    /// When the last requests began that were accepted.
    recent: VecDeque<Moment>,
}

/// From one refusal on, over which time how much was accepted.
#[derive(Clone, Copy, Debug)]
struct Since {
    /// The time that the refusal named, and how long it took to come.
    named: Moment,
    took: Duration,
    /// Others that were under way.
    flying: u32,
    accepted: u32,
    /// How many waits there were, and how long after the times they were for the next
    /// request began. What the bucket cannot hold of that is lost.
    waits: u32,
    late: Duration,
    /// The time that the last wait was for, until it has its request.
    open: Option<Moment>,
}

/// How long one request takes out of the bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Estimate {
    interval: Duration,
    /// How far off that may be.
    off: Duration,
}

impl Measure {
    /// A request that began at `started` was accepted.
    pub(super) fn accepted(&mut self, started: Moment) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(started);
        if let Some(since) = &mut self.since {
            since.accepted += 1;
            if let Some(open) = since.open.take() {
                since.waits += 1;
                since.late += started.since(open);
            }
        }
    }

    /// What was measured is not all that happened: it begins anew with the next refusal.
    pub(super) fn break_off(&mut self) {
        self.since = None;
    }

    /// So many were accepted in short order, in that time, before a refusal.
    pub(super) fn bunch(&mut self, requests: u32, span: Duration) {
        if requests == 0 {
            return;
        }
        self.bunches.push((requests, span));
        if let Some(known) = self.best.or(self.first) {
            let held = |bunch: &(u32, Duration)| Reverse(held_at(*bunch, known.interval));
            self.bunches.sort_by_key(held);
        }
        self.bunches.truncate(BUNCHES);
    }

    /// Takes in a refusal, while `flying` other requests, which take up to `slowest`,
    /// were under way. Returns what is now believed.
    pub(super) fn refused(
        &mut self,
        refusal: Refusal,
        slowest: Duration,
        flying: u32,
    ) -> Option<Estimate> {
        // Half of the way there and back.
        let open = refusal.named() - self.held_back(refusal, slowest / 2);
        self.longest = self.longest.max(refusal.retry_after);
        let estimate = self.estimate(refusal, slowest, flying);
        if let (Some(estimate), Some(since)) = (estimate, &mut self.since) {
            since.open = Some(open);
            if self.is_explained(estimate) {
                self.believe(estimate);
                return self.best;
            }
            // Others use the bucket too: measure from here.
        }
        // Of many that go at once nobody knows which came before it.
        let is_clear = flying == 0 || self.is_begun;
        self.is_begun = true;
        self.since = is_clear.then(|| Since {
            flying,
            named: refusal.named(),
            took: refusal.took(),
            accepted: self.accepted_after(refusal.started),
            waits: 0,
            late: Duration::ZERO,
            open: Some(open),
        });
        self.best
    }

    /// How many requests were accepted that began after `time`.
    pub(super) fn accepted_after(&self, time: Moment) -> u32 {
        let later = self.recent.iter().filter(|started| **started > time);
        u32::try_from(later.count()).unwrap_or(u32::MAX)
    }

    /// How long the homeserver held back the refusal, as Synapse does: the bucket leaked
    /// meanwhile.
    pub(super) fn held_back(&self, refusal: Refusal, slowest: Duration) -> Duration {
        refusal.took().saturating_sub(slowest)
    }

    /// How many requests the bucket holds at that interval, as far as was seen.
    pub(super) fn burst(&self, interval: Duration) -> u32 {
        let held = self.bunches.iter().map(|bunch| held_at(*bunch, interval));
        held.max().unwrap_or(0).max(1)
    }

    fn estimate(&self, refusal: Refusal, slowest: Duration, flying: u32) -> Option<Estimate> {
        let since = self.since?;
        let later = self.accepted_after(refusal.started);
        let requests = since.accepted.checked_sub(later).filter(|n| *n > 0)?;
        let span = refusal.named().since(since.named);
        let mut interval = span / requests;
        let least = interval.min(self.longest);
        // What the bucket holds depends on the interval, and the other way round.
        for _ in 0..4 {
            let kept = interval * (self.burst(interval) - 1);
            let lost = since.late.saturating_sub(kept.saturating_mul(since.waits));
            interval = least.max(span.saturating_sub(lost) / requests);
        }
        let unclear = interval * (flying + since.flying);
        let noise = refusal.took().abs_diff(since.took) + slowest + ROUNDING + unclear;
        Some(Estimate {
            interval,
            off: noise / requests,
        })
    }

    /// Whether the refusal can be our own doing: it did not come too early, or too often
    /// for it to be somebody else's.
    fn is_explained(&mut self, newer: Estimate) -> bool {
        let is_odd = self
            .best
            .or(self.first)
            .is_some_and(|known| newer.interval > known.interval && newer.contradicts(known));
        self.odd = if is_odd { self.odd + 1 } else { 0 };
        self.odd == 0 || self.odd > ODD
    }

    fn believe(&mut self, newer: Estimate) {
        let is_better = |known: Estimate| newer.off <= known.off || newer.contradicts(known);
        if self.best.is_some_and(is_better) || (self.best.is_none() && self.first.is_some()) {
            self.best = Some(newer);
        }
        self.first.get_or_insert(newer);
    }
}

impl Estimate {
    /// Whether both cannot be true.
    fn contradicts(self, other: Self) -> bool {
        self.interval.abs_diff(other.interval) > self.off + other.off
    }

    /// From one request to the next: below the limit where it is well known, else where
    /// the next refusal tells more.
    pub(super) fn step(self) -> Duration {
        let step = if self.off > self.interval / PRECISE {
            self.interval
                .saturating_sub(self.off)
                .max(self.interval / 2)
        } else {
            self.interval + self.off
        };
        step.max(Duration::from_micros(100))
    }
}

/// How many of a bunch's requests the bucket had room for at once, at that interval.
fn held_at((requests, span): (u32, Duration), interval: Duration) -> u32 {
    let leaked = span.as_nanos() / interval.as_nanos().max(1);
    requests.saturating_sub(u32::try_from(leaked).unwrap_or(u32::MAX))
}
