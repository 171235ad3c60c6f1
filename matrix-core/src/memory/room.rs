//! What is known about rooms.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use crate::{Account, Digest, Membership, RoomFacts};

/// The rooms of all accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(BTreeMap<Account, BTreeMap<OwnedRoomId, RoomFacts>>);

impl Rooms {
    pub(super) fn set(&mut self, account: Account, facts: RoomFacts) {
        let rooms = self.0.entry(account).or_default();
        rooms.insert(facts.room.clone(), facts);
    }

    pub(super) fn facts(&self, account: &Account, rooms: &[&RoomId]) -> Vec<Option<RoomFacts>> {
        let known = self.0.get(account);
        rooms
            .iter()
            .map(|room| known?.get(*room).cloned())
            .collect()
    }

    pub(super) fn list(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Vec<RoomFacts> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rooms = self.0.get(account).into_iter();
        rooms
            .flat_map(|rooms| rooms.range::<RoomId, _>((start, Bound::Unbounded)))
            .map(|(_, facts)| facts)
            .filter(|facts| facts.membership == membership)
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn encrypted(&self, account: &Account) -> u64 {
        let rooms = self.of(account);
        rooms.filter(|facts| facts.encrypted).count() as u64
    }

    pub(super) fn is_last_seen(&self, account: &Account, event: &OwnedEventId) -> bool {
        self.of(account)
            .filter_map(|facts| facts.last_seen.as_ref())
            .any(|last| last.event_id == *event)
    }

    /// The last seen event of each room.
    pub(super) fn last_seen(&self) -> BTreeSet<Digest> {
        let last = |(account, facts): (&Account, &RoomFacts)| {
            let last = facts.last_seen.as_ref()?;
            Some(Digest::of(account, last.event_id.as_str()))
        };
        self.all().filter_map(last).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Account, &RoomFacts)> {
        let of = |(account, rooms)| BTreeMap::values(rooms).map(move |facts| (account, facts));
        self.0.iter().flat_map(of)
    }

    fn of(&self, account: &Account) -> impl Iterator<Item = &RoomFacts> {
        self.0.get(account).into_iter().flat_map(BTreeMap::values)
    }
}
