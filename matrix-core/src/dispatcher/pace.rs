//! How fast one sender may go in one class of endpoint: pure, with the time as an
//! argument.

use std::time::Duration;

use super::measure::{Estimate, Measure, ROUNDING, Refusal};
use crate::time::Moment;

/// What was learned holds so long after the last refusal.
const FORGET: Duration = Duration::from_secs(10 * 60);

/// A bucket is not taken for full again before so long a rest.
const REST: Duration = Duration::from_secs(30);

/// While nothing is learned, a rest so long makes a measure worthless.
const GAP: Duration = Duration::from_secs(1);

/// Slots are given out so far ahead, at least and at most.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// One more request is let go at once after so many that were accepted.
const GROWTH: u32 = 8;

/// The pace of one sender in one class of endpoint.
///
/// It goes as fast as it can until it is refused. Then nothing goes until the time that
/// the homeserver named. Then one request at a time goes, and once two more refusals
/// have told how long a request takes out of the homeserver's bucket, requests go on a
/// schedule just below that.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    limit: Option<Limit>,
    /// Requests under way.
    flying: u32,
    /// Requests that have a slot.
    reserved: u32,
    /// Accepted since the last refusal, or the last rest.
    count: Count,
    /// How long an accepted request may take, from those of late.
    slowest: Duration,
    /// Goes up with every wait, so that what was given out before it is void.
    waits: u64,
    last_used: Moment,
}

/// What is known once there was a refusal.
#[derive(Clone, Debug)]
struct Limit {
    /// Nothing goes before.
    until: Moment,
    measure: Measure,
    pace: Option<Pace>,
}

/// Requests accepted, and when the first of them began.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    since: Option<Moment>,
    requests: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    step: Duration,
    /// The next free slot, since 1970. It goes on from slot to slot, whenever they are
    /// taken, so that lateness does not add up.
    next: Duration,
    /// What a rest can save up.
    saved: Duration,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It goes now.
    Now,
    /// It has a slot soon, if there is no wait before.
    At(Slot),
    /// Not soon: ask again then.
    Later(Moment),
}

/// A place in the schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Slot {
    pub(super) at: Moment,
    wait: u64,
}

impl Pacer {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            limit: None,
            flying: 0,
            reserved: 0,
            count: Count::default(),
            slowest: Duration::ZERO,
            waits: 0,
            last_used: now,
        }
    }

    /// Asks for a request to go. With [`Turn::Now`] it is under way.
    pub(super) fn ask(&mut self, now: Moment) -> Turn {
        self.forget(now);
        let window = 1 + self.count.requests / GROWTH;
        let turn = match &mut self.limit {
            None => Turn::Now,
            Some(limit) if now < limit.until => Turn::Later(limit.until),
            Some(Limit {
                pace: Some(pace), ..
            }) => pace.turn(now, self.waits),
            Some(_) if self.flying >= window => Turn::Later(now + SHORTEST),
            Some(_) => Turn::Now,
        };
        match turn {
            Turn::Now => self.depart(now),
            Turn::At(_) => self.reserved += 1,
            Turn::Later(_) => {}
        }
        turn
    }

    /// Takes up a slot whose time has come; false if there was a wait since.
    pub(super) fn take(&mut self, slot: Slot, now: Moment) -> bool {
        self.reserved = self.reserved.saturating_sub(1);
        let is_valid = slot.wait == self.waits;
        if is_valid {
            self.depart(now);
        }
        is_valid
    }

    /// A request that began at `started` was accepted.
    pub(super) fn accepted(&mut self, started: Moment, now: Moment) {
        self.arrive(now);
        let took = now.since(started);
        self.slowest = took.max(self.slowest - self.slowest / GROWTH);
        self.count.since.get_or_insert(started);
        self.count.requests += 1;
        if let Some(limit) = &mut self.limit {
            limit.measure.accepted(started);
        }
    }

    /// A request came to an end that tells nothing about the limit.
    pub(super) fn lost(&mut self, now: Moment) {
        self.arrive(now);
        if let Some(limit) = &mut self.limit {
            limit.measure.break_off();
        }
    }

    /// A request was refused. While nothing is learned, `jitter` is waited besides.
    pub(super) fn refused(&mut self, refusal: Refusal, jitter: Duration) {
        let Refusal {
            started, answered, ..
        } = refusal;
        self.arrive(answered);
        self.waits += 1;
        let until = refusal.named() + ROUNDING;
        let limit = self.limit.get_or_insert_with(|| Limit::new(started));
        if started < limit.until {
            // It was on its way already when the wait began, and belongs to it.
            limit.hold(until);
            return;
        }
        let count = std::mem::take(&mut self.count);
        if let Some(since) = count.since {
            limit.measure.bunch(count.requests, started.since(since));
        }
        match limit.measure.refused(refusal, self.slowest, self.flying) {
            Some(estimate) => {
                let held_back = limit.measure.held_back(refusal, self.slowest);
                let later = limit.measure.accepted_after(started) + self.flying;
                limit.set_pace(estimate, until, held_back, later);
            }
            None => limit.hold(until + jitter),
        }
    }

    /// Whether a limit is known.
    pub(super) fn is_limited(&self, now: Moment) -> bool {
        self.limit.as_ref().is_some_and(|limit| !limit.is_over(now))
    }

    /// When the wait ends, if there is one.
    pub(super) fn waits_until(&self, now: Moment) -> Option<Moment> {
        let until = self.limit.as_ref()?.until;
        (until > now).then_some(until)
    }

    /// For how many lanes there are places at `now`, when `active` are being worked on
    /// already, and for how many rows of each, `most` at most.
    pub(super) fn places(&self, now: Moment, active: usize, most: usize) -> (usize, usize) {
        let Some(limit) = self.limit.as_ref().filter(|limit| !limit.is_over(now)) else {
            return (usize::MAX, most);
        };
        if now < limit.until {
            return (0, 0);
        }
        let Some(pace) = &limit.pace else {
            let window = 1 + self.count.requests / GROWTH;
            return ((window as usize).saturating_sub(active), 1);
        };
        // A lane that finds no slot left has lost its turn: no more than there are.
        let asking = active.saturating_sub((self.flying + self.reserved) as usize);
        let lanes = pace.open_slots(now).saturating_sub(asking);
        // Eight lanes with so many rows each last for a second.
        let rows = pace.slots_in(Duration::from_secs(1)) / 8;
        (lanes, rows.clamp(1, most))
    }

    /// When there will be places, if not now.
    pub(super) fn opens(&self, now: Moment) -> Option<Moment> {
        let limit = self.limit.as_ref()?;
        let pace = limit.pace.as_ref().map(Pace::opens);
        let opens = pace.into_iter().chain([limit.until]).max();
        opens.filter(|opens| *opens > now)
    }

    /// Whether it knows nothing worth keeping.
    pub(super) fn is_idle(&self, now: Moment) -> bool {
        self.flying == 0 && !self.is_limited(now) && now.since(self.last_used) > REST
    }

    fn depart(&mut self, now: Moment) {
        self.flying += 1;
        self.last_used = now;
    }

    fn arrive(&mut self, now: Moment) {
        self.flying = self.flying.saturating_sub(1);
        self.last_used = now;
    }

    /// Forgets what is out of date.
    fn forget(&mut self, now: Moment) {
        if self.limit.as_ref().is_some_and(|limit| limit.is_over(now)) || self.is_idle(now) {
            self.limit = None;
            self.count = Count::default();
        }
        if let Some(limit) = &mut self.limit
            && limit.pace.is_none()
            && self.flying == 0
            && now.since(limit.until.max(self.last_used)) > GAP
        {
            limit.measure.break_off();
        }
    }
}

impl Limit {
    fn new(now: Moment) -> Self {
        Self {
            until: now,
            measure: Measure::default(),
            pace: None,
        }
    }

    /// Nothing goes before `until`.
    fn hold(&mut self, until: Moment) {
        self.until = self.until.max(until);
        if let Some(pace) = &mut self.pace {
            pace.next = pace.next.max(since_epoch(self.until));
        }
    }

    /// From `until` on requests go at that pace. What leaked while the homeserver held
    /// back its refusal may go besides, as far as the bucket holds it and `later`
    /// requests did not use it meanwhile.
    fn set_pace(&mut self, estimate: Estimate, until: Moment, held_back: Duration, later: u32) {
        self.hold(until);
        let step = estimate.step();
        let more = self.measure.burst(step) - 1;
        let saved = step.saturating_mul(more);
        let leaked = held_back.min(saved).saturating_sub(step * later);
        self.pace = Some(Pace {
            step,
            next: since_epoch(self.until).saturating_sub(leaked),
            saved,
        });
    }

    /// Whether nothing of it may hold any more: the bucket is full again, or it was long
    /// ago.
    fn is_over(&self, now: Moment) -> bool {
        let is_full = self.pace.is_some_and(|pace| {
            let rest = since_epoch(now).saturating_sub(pace.next);
            rest > REST.max(pace.saved + pace.step)
        });
        now >= self.until && (is_full || now.since(self.until) > FORGET)
    }
}

impl Pace {
    fn turn(&mut self, now: Moment, wait: u64) -> Turn {
        // The same question as that of who claims rows: else it would claim for ever.
        let opens = self.opens();
        if opens > now {
            return Turn::Later(opens);
        }
        let earliest = since_epoch(now).saturating_sub(self.saved);
        let slot = self.next.max(earliest);
        let at = whole(slot);
        self.next = slot + self.step;
        if at <= now {
            Turn::Now
        } else {
            Turn::At(Slot { at, wait })
        }
    }

    /// How far ahead slots are given out: enough to have a request ready for each.
    fn horizon(&self) -> Duration {
        (self.step * 2).clamp(SHORTEST, LONGEST)
    }

    /// From when on the next slot is given out.
    fn opens(&self) -> Moment {
        whole(self.next.saturating_sub(self.horizon()))
    }

    /// How many slots are given out at `now`.
    fn open_slots(&self, now: Moment) -> usize {
        let opens = self.opens();
        if opens > now {
            0
        } else {
            1 + self.slots_in(now.since(opens))
        }
    }

    fn slots_in(&self, span: Duration) -> usize {
        usize::try_from(span.as_nanos() / self.step.as_nanos()).unwrap_or(usize::MAX)
    }
}

const fn since_epoch(time: Moment) -> Duration {
    Duration::from_millis(time.0)
}

/// Rounded up.
fn whole(time: Duration) -> Moment {
    let millis = time.as_nanos().div_ceil(1_000_000);
    Moment(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
