//! The paces of all senders of one dispatcher.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::OwnedUserId;

use super::{
    measure::Refusal,
    pace::{Pacer, Slot, Turn},
};
use crate::{EndpointClass, time::Moment};

/// Who is limited: limits hang on a sender and a class of endpoint, never on a room.
pub(super) type Key = (OwnedUserId, EndpointClass);

/// So many paces are kept; beyond that those that know nothing are dropped, and if there
/// are none, all.
const MAX: usize = 10_000;

/// Idle paces are looked for when there are more than so many, and again when there are
/// twice as many as were left.
const SOME: usize = 100;

/// A wait longer than this is told to operators.
const LONG: Duration = Duration::from_secs(15 * 60);

/// The paces of all senders of one dispatcher.
#[derive(Debug, Default)]
pub(super) struct Paces {
    pacers: BTreeMap<Key, Pacer>,
    /// How many there were when idle ones were last looked for.
    kept: usize,
    /// Those whose wait is so long that operators know of it.
    long: BTreeSet<Key>,
}

/// Whose rows may be claimed.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Places {
    /// All who are limited: they do not take part where everybody is served.
    pub(super) limited: Vec<Key>,
    /// Those of them that have no place now.
    pub(super) shut: Vec<Key>,
    /// For how many lanes of the others there are places, and for how many rows of each.
    pub(super) lanes: usize,
    pub(super) rows_per_lane: usize,
}

impl Paces {
    /// Asks for a request to go. With [`Turn::Now`] it is under way.
    pub(super) fn ask(&mut self, key: &Key, now: Moment) -> Turn {
        self.pacer(key, now).ask(now)
    }

    /// Takes up a slot whose time has come; false if there was a wait since.
    pub(super) fn take(&mut self, key: &Key, slot: Slot, now: Moment) -> bool {
        self.pacer(key, now).take(slot, now)
    }

    pub(super) fn accepted(&mut self, key: &Key, started: Moment, now: Moment) {
        self.pacer(key, now).accepted(started, now);
    }

    pub(super) fn lost(&mut self, key: &Key, now: Moment) {
        self.pacer(key, now).lost(now);
    }

    /// A request was refused. Returns whether the wait is one to tell operators of.
    pub(super) fn refused(&mut self, key: &Key, refusal: Refusal, jitter: Duration) -> bool {
        self.pacer(key, refusal.answered).refused(refusal, jitter);
        let is_long = refusal.retry_after > LONG;
        if is_long {
            self.long.insert(key.clone());
        }
        is_long
    }

    /// Whether nothing of `key` may go at `now`.
    pub(super) fn waits(&self, key: &Key, now: Moment) -> bool {
        self.pacers
            .get(key)
            .is_some_and(|pacer| pacer.waits_until(now).is_some())
    }

    /// Takes those whose long wait is over.
    pub(super) fn long_waits_over(&mut self, now: Moment) -> Vec<Key> {
        let Self { pacers, long, .. } = self;
        let is_over = |key: &Key| {
            pacers
                .get(key)
                .is_none_or(|pacer| pacer.waits_until(now).is_none())
        };
        let over: Vec<Key> = long.iter().filter(|key| is_over(key)).cloned().collect();
        for key in &over {
            long.remove(key);
        }
        over
    }

    /// Whose rows may be claimed at `now`, when so many lanes of each are being worked
    /// on.
    pub(super) fn places(
        &self,
        now: Moment,
        active: &BTreeMap<Key, usize>,
        rows_per_lane: usize,
    ) -> Places {
        let mut places = Places {
            rows_per_lane,
            ..Places::default()
        };
        for (key, pacer) in self.pacers.iter().filter(|(_, p)| p.is_limited(now)) {
            places.limited.push(key.clone());
            let active = active.get(key).copied().unwrap_or(0);
            match pacer.places(now, active, rows_per_lane) {
                (0, _) => places.shut.push(key.clone()),
                (lanes, rows) => {
                    places.lanes += lanes;
                    places.rows_per_lane = places.rows_per_lane.min(rows);
                }
            }
        }
        places
    }

    /// When the next of those that are limited has a place.
    pub(super) fn next_end(&self, now: Moment) -> Option<Moment> {
        self.pacers.values().filter_map(|p| p.opens(now)).min()
    }

    fn pacer(&mut self, key: &Key, now: Moment) -> &mut Pacer {
        let most = (2 * self.kept).clamp(SOME, MAX);
        if self.pacers.len() >= most && !self.pacers.contains_key(key) {
            self.pacers.retain(|_, pacer| !pacer.is_idle(now));
            if self.pacers.len() >= MAX {
                self.pacers.clear();
            }
            self.kept = self.pacers.len();
        }
        self.pacers
            .entry(key.clone())
            .or_insert_with(|| Pacer::new(now))
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn a_limit_holds_back_its_sender_and_class_only_until_its_time() {
        let (bot, ghost) = (user_id!("@bot:x"), user_id!("@ghost:x"));
        let event = (bot.to_owned(), EndpointClass::Event);
        let mut paces = Paces::default();
        let now = Moment(1_000);
        assert_eq!(paces.ask(&event, now), Turn::Now);
        let retry_after = Duration::from_secs(4);
        let refusal = Refusal {
            started: now,
            answered: now,
            retry_after,
        };

        assert!(!paces.refused(&event, refusal, Duration::ZERO));

        let mut ask =
            |user: &ruma::UserId, class, at| paces.ask(&(user.to_owned(), class), Moment(at));
        let until = Moment(5_002);
        assert_eq!(ask(bot, EndpointClass::Event, 4_999), Turn::Later(until));
        assert_eq!(ask(bot, EndpointClass::Join, 1_000), Turn::Now);
        assert_eq!(ask(ghost, EndpointClass::Event, 1_000), Turn::Now);
        assert_eq!(ask(bot, EndpointClass::Event, 5_002), Turn::Now);
        assert!(matches!(
            ask(bot, EndpointClass::Event, 5_002),
            Turn::Later(_)
        ));
    }

    #[test]
    fn a_long_wait_is_told_of_and_its_end_too() {
        let key = (user_id!("@bot:x").to_owned(), EndpointClass::Media);
        let mut paces = Paces::default();
        let day = Duration::from_secs(24 * 60 * 60);
        let refusal = Refusal {
            started: Moment(0),
            answered: Moment(0),
            retry_after: day,
        };

        assert!(paces.refused(&key, refusal, Duration::ZERO));

        assert_eq!(paces.long_waits_over(Moment(0) + day), []);
        let end = paces.next_end(Moment(1)).unwrap();
        assert_eq!(paces.long_waits_over(end), [key]);
        assert_eq!(paces.long_waits_over(end), []);
    }

    #[test]
    fn paces_that_know_nothing_are_dropped() {
        let mut paces = Paces::default();
        let user = |n: usize| OwnedUserId::try_from(format!("@u{n}:x")).unwrap();
        for n in 0..3 * MAX {
            let key = (user(n), EndpointClass::Event);
            paces.ask(&key, Moment(n as u64));
            assert!(paces.pacers.len() <= MAX);
        }
    }
}
