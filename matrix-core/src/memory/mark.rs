//! Which events will not be handled again.

use std::collections::BTreeMap;

use ruma::OwnedEventId;

use crate::{Account, Timestamp};

/// How many marks one call removes at most.
const PRUNED_AT_ONCE: u64 = 100_000;

/// The marks of all accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    set: BTreeMap<(Account, OwnedEventId), Mark>,
    last_place: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    /// Its place among all marks; the clock may jump.
    place: u64,
}

impl Marks {
    pub(super) fn has(&self, account: &Account, event: &OwnedEventId) -> bool {
        self.set.contains_key(&(account.clone(), event.clone()))
    }

    /// A mark that is there keeps its age.
    pub(super) fn set(&mut self, account: Account, event: OwnedEventId, at: Timestamp) {
        self.last_place += 1;
        let place = self.last_place;
        let mark = Mark { at, place };
        self.set.entry((account, event)).or_insert(mark);
    }

    /// Removes the marks set before `before` and the oldest of those beyond `max`, except
    /// where `is_kept`. Returns how many, and whether there are more.
    pub(super) fn prune(
        &mut self,
        before: Timestamp,
        max: u64,
        is_kept: impl Fn(&Account, &OwnedEventId) -> bool,
    ) -> (u64, bool) {
        let total = self.len();
        if total <= max && self.set.values().all(|mark| mark.at >= before) {
            return (0, false);
        }
        let mut oldest_first: Vec<_> = self
            .set
            .iter()
            .map(|(key, mark)| (mark.place, mark.at, key.clone()))
            .collect();
        oldest_first.sort();
        for (_, at, key) in oldest_first {
            if (at < before || self.len() > max) && !is_kept(&key.0, &key.1) {
                if total - self.len() == PRUNED_AT_ONCE {
                    return (PRUNED_AT_ONCE, true);
                }
                self.set.remove(&key);
            }
        }
        (total - self.len(), false)
    }

    fn len(&self) -> u64 {
        self.set.len() as u64
    }
}
