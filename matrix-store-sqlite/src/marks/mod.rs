//! The marks: in memory for asking, in the file for keeping.
//!
//! There is one engine per file, so its memory is right as long as it changes after
//! each commit. About 32 bytes per mark, where a row per event would take 200.

mod segment;
mod spread;

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use matrix_bridge_core::Digest;

#[cfg(test)]
pub(crate) use self::segment::PAGE;
pub(crate) use self::segment::{PRUNED_AT_ONCE, append, count, load, page, prune, scan};
pub(crate) use self::spread::DigestSet;

/// The marks as of the last commit.
#[derive(Debug, Default)]
pub(crate) struct Marks(RwLock<Index>);

#[derive(Debug, Default)]
struct Index {
    marks: DigestSet,
    /// The last seen event of each room.
    last_seen: BTreeMap<Digest, Digest>,
    /// How many rooms have that event as their last seen one.
    last_seen_events: BTreeMap<Digest, u32>,
}

/// What a transaction will change in [`Marks`] if it commits.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(crate) added: DigestSet,
    pub(crate) removed: Vec<Digest>,
    /// Rooms, and their last seen event from now on.
    pub(crate) last_seen: Vec<(Digest, Option<Digest>)>,
}

impl Staged {
    /// Puts the changes of a later job behind these.
    pub(crate) fn append(&mut self, later: Self) {
        let Self {
            added,
            removed,
            last_seen,
        } = later;
        if self.added.is_empty() {
            self.added = added;
        } else {
            self.added.extend(added);
        }
        self.removed.extend(removed);
        self.last_seen.extend(last_seen);
    }
}

impl Marks {
    pub(crate) fn is_marked(&self, event: &Digest) -> bool {
        self.read(|index| index.marks.contains(event))
    }

    pub(crate) fn is_last_seen(&self, event: &Digest) -> bool {
        self.read(|index| index.last_seen_events.contains_key(event))
    }

    /// For each event whether it is marked or some room's last seen one.
    pub(crate) fn seen(&self, events: &[Digest]) -> Vec<bool> {
        self.read(|index| {
            let is_seen =
                |event| index.marks.contains(event) || index.last_seen_events.contains_key(event);
            events.iter().map(is_seen).collect()
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.read(|index| index.marks.len() as u64)
    }

    /// Takes in what was committed.
    pub(crate) fn apply(&self, staged: Staged) {
        let Staged {
            added,
            removed,
            last_seen,
        } = staged;
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        index.marks.extend(added);
        for event in removed {
            index.marks.remove(&event);
        }
        for (room, event) in last_seen {
            index.set_last_seen(room, event);
        }
    }

    fn read<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        // Each change is one call of a collection: a panic leaves nothing half done.
        ask(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Index {
    fn set_last_seen(&mut self, room: Digest, event: Option<Digest>) {
        let former = match event {
            Some(event) => {
                *self.last_seen_events.entry(event).or_default() += 1;
                self.last_seen.insert(room, event)
            }
            None => self.last_seen.remove(&room),
        };
        if let Some(former) = former
            && let Some(rooms) = self.last_seen_events.get_mut(&former)
        {
            *rooms -= 1;
            if *rooms == 0 {
                self.last_seen_events.remove(&former);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use matrix_bridge_core::Account;

    use super::*;

    #[test]
    fn an_event_is_last_seen_until_its_last_room_moves_on() {
        let account = Account::new("a");
        let [room, other, event] = ["!a", "!b", "$e"].map(|id| Digest::of(&account, id));
        let marks = Marks::default();
        let set = |room, event| {
            marks.apply(Staged {
                last_seen: vec![(room, event)],
                ..Staged::default()
            });
        };

        set(room, Some(event));
        set(room, Some(event));
        set(other, Some(event));
        set(room, None);
        assert!(marks.is_last_seen(&event));

        set(other, None);
        assert!(!marks.is_last_seen(&event));
    }
}
