//! What is received and not yet handled.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomId, RoomId};

use crate::{
    Account, GapFill, InboxEntry, InboxId, InboxItem, InboxLane, InboxRetry, NewInboxEntry, Record,
};

/// The inboxes of all accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    entries: BTreeMap<InboxId, Held>,
    rooms: BTreeMap<(Account, OwnedRoomId), BTreeSet<Place>>,
    /// Ids are never used again: a late commit must not settle another entry.
    last_id: InboxId,
}

/// Where an entry stands among those of its room. A new entry's first part is its id;
/// what fills a gap is put below all others.
type Place = (i64, InboxId);

#[derive(Clone, Debug)]
struct Held {
    account: Account,
    order: i64,
    entry: NewInboxEntry,
}

impl Inbox {
    /// Whether that entry is in the inbox of that account.
    pub(super) fn has(&self, account: &Account, id: InboxId) -> bool {
        let held = self.entries.get(&id);
        held.is_some_and(|held| held.account == *account)
    }

    /// Whether that entry is a gap and the first of its room.
    pub(super) fn is_open_gap(&self, account: &Account, id: InboxId) -> bool {
        let gap = self.entries.get(&id).filter(|held| {
            held.account == *account && matches!(held.entry.item, InboxItem::Gap(_))
        });
        gap.is_some_and(|held| {
            let room = (account.clone(), held.entry.room.clone());
            let first = self.rooms.get(&room).and_then(BTreeSet::first);
            first.is_some_and(|(_, first)| *first == id)
        })
    }

    pub(super) fn push(&mut self, account: Account, entry: NewInboxEntry) {
        let order = self.last_id.0.cast_signed() + 1;
        self.insert(account, order, entry);
    }

    pub(super) fn put_off(&mut self, retry: InboxRetry) {
        let InboxRetry { id, attempts, due } = retry;
        if let Some(held) = self.entries.get_mut(&id) {
            held.entry.attempts = attempts;
            held.entry.due = due;
        }
    }

    pub(super) fn remove(&mut self, id: InboxId) {
        let Some(held) = self.entries.remove(&id) else {
            return;
        };
        let key = (held.account, held.entry.room);
        if let Some(room) = self.rooms.get_mut(&key) {
            room.remove(&(held.order, id));
            if room.is_empty() {
                self.rooms.remove(&key);
            }
        }
    }

    /// The gap is the first of its room: it moves down to make place for what fills it.
    pub(super) fn fill(&mut self, fill: GapFill) {
        let GapFill { gap, entries, rest } = fill;
        let Some(held) = self.entries.get(&gap) else {
            return;
        };
        let (account, mut entry, order) = (held.account.clone(), held.entry.clone(), held.order);
        self.remove(gap);
        let key = (account.clone(), entry.room.clone());
        let first = self.rooms.get(&key).and_then(BTreeSet::first);
        let before = first.map_or(order, |(order, _)| *order);
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        for (order, entry) in (before.saturating_sub(count)..).zip(entries) {
            self.insert(account.clone(), order, entry);
        }
        if let Some(rest) = rest {
            entry.item = InboxItem::Gap(rest);
            let order = before.saturating_sub(count).saturating_sub(1);
            self.insert_as(gap, account, order, entry);
        }
    }

    pub(super) fn first(&self, account: &Account, room: &RoomId, limit: usize) -> Vec<InboxEntry> {
        let places = self.rooms.get(&(account.clone(), room.to_owned()));
        let ids = places.into_iter().flatten().take(limit).map(|(_, id)| *id);
        let held = ids.filter_map(|id| Some((id, self.entries.get(&id)?)));
        held.map(|(id, held)| InboxEntry {
            id,
            entry: held.entry.clone(),
        })
        .collect()
    }

    pub(super) fn lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Vec<InboxLane> {
        let of_account = self.rooms.iter().filter(|((of, _), _)| of == account);
        let later = of_account.filter(|((_, room), _)| after.is_none_or(|after| **room > *after));
        let lane = |((_, room), places): (&(Account, OwnedRoomId), &BTreeSet<Place>)| {
            let (_, first) = places.first()?;
            Some(InboxLane {
                room: room.clone(),
                entries: places.len() as u64,
                oldest: self.entries.get(first)?.entry.received,
            })
        };
        later.filter_map(lane).take(limit).collect()
    }

    pub(super) const fn last_id(&self) -> InboxId {
        self.last_id
    }

    pub(super) const fn set_last_id(&mut self, id: InboxId) {
        self.last_id = id;
    }

    /// All entries, those of a room in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Record> {
        let of_room = move |((account, _), places): (&(Account, _), &BTreeSet<Place>)| {
            let places: Vec<_> = (0..).zip(places.iter().copied()).collect();
            let account = account.clone();
            places.into_iter().filter_map(move |(place, (_, id))| {
                Some(Record::Inbox {
                    account: account.clone(),
                    place,
                    entry: InboxEntry {
                        id,
                        entry: self.entries.get(&id)?.entry.clone(),
                    },
                })
            })
        };
        self.rooms.iter().flat_map(of_room)
    }

    /// Takes in an entry that has an id already, behind those of its room.
    pub(super) fn restore(&mut self, account: Account, place: u64, entry: InboxEntry) {
        let InboxEntry { id, entry } = entry;
        // Below the place of every new one.
        let order = place.cast_signed().saturating_add(i64::MIN / 2);
        self.insert_as(id, account, order, entry);
    }

    fn insert(&mut self, account: Account, order: i64, entry: NewInboxEntry) {
        self.last_id.0 += 1;
        self.insert_as(self.last_id, account, order, entry);
    }

    fn insert_as(&mut self, id: InboxId, account: Account, order: i64, entry: NewInboxEntry) {
        let room = (account.clone(), entry.room.clone());
        self.rooms.entry(room).or_default().insert((order, id));
        let held = Held {
            account,
            order,
            entry,
        };
        self.entries.insert(id, held);
    }
}
