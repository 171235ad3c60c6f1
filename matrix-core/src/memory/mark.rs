//! Which events will not be handled again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Digest, Timestamp};

/// How many marks one call removes at most.
const PRUNED_AT_ONCE: u64 = 100_000;

/// The marks of all accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    set: BTreeMap<Digest, Mark>,
    last_place: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Timestamp,
    /// Its place among all marks; the clock may jump.
    place: u64,
}

impl Marks {
    pub(super) fn has(&self, event: &Digest) -> bool {
        self.set.contains_key(event)
    }

    /// All marks, in the order in which they were set.
    pub(super) fn all(&self) -> impl Iterator<Item = (Digest, Timestamp)> {
        let mut all: Vec<_> = self.set.iter().collect();
        all.sort_by_key(|(_, mark)| mark.place);
        all.into_iter().map(|(event, mark)| (*event, mark.at))
    }

    /// A mark that is there keeps its age.
    pub(super) fn set(&mut self, event: Digest, at: Timestamp) {
        self.last_place += 1;
        let place = self.last_place;
        let mark = Mark { at, place };
        self.set.entry(event).or_insert(mark);
    }

    /// Removes the marks set before `before` and the oldest of those beyond `max`, except
    /// those in `kept`. Returns how many, and whether there are more.
    pub(super) fn prune(
        &mut self,
        before: Timestamp,
        max: u64,
        kept: &BTreeSet<Digest>,
    ) -> (u64, bool) {
        let total = self.len();
        if total <= max && self.set.values().all(|mark| mark.at >= before) {
            return (0, false);
        }
        let mut oldest_first: Vec<_> = self
            .set
            .iter()
            .map(|(event, mark)| (mark.place, mark.at, *event))
            .collect();
        oldest_first.sort();
        for (_, at, event) in oldest_first {
            if (at < before || self.len() > max) && !kept.contains(&event) {
                if total - self.len() == PRUNED_AT_ONCE {
                    return (PRUNED_AT_ONCE, true);
                }
                self.set.remove(&event);
            }
        }
        (total - self.len(), false)
    }

    fn len(&self) -> u64 {
        self.set.len() as u64
    }
}
