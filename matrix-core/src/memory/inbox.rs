//! Events that are received and not yet handled.

use std::{collections::BTreeMap, ops::Bound};

use ruma::{OwnedRoomId, RoomId};

use crate::{Account, InboxEvent, InboxId, InboxLane, InboxRetry, NewInboxEvent};

/// The inboxes of all accounts.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    events: BTreeMap<InboxId, (Account, NewInboxEvent)>,
    /// Ids are never used again: a late commit must not settle another event.
    last_id: InboxId,
}

impl Inbox {
    /// Whether that event is in the inbox of that account.
    pub(super) fn has(&self, account: &Account, id: InboxId) -> bool {
        let event = self.events.get(&id);
        event.is_some_and(|(owner, _)| owner == account)
    }

    pub(super) fn push(&mut self, account: Account, event: NewInboxEvent) {
        self.last_id.0 += 1;
        self.events.insert(self.last_id, (account, event));
    }

    pub(super) fn put_off(&mut self, retry: InboxRetry) {
        let InboxRetry { id, attempts, due } = retry;
        if let Some((_, event)) = self.events.get_mut(&id) {
            event.attempts = attempts;
            event.due = due;
        }
    }

    pub(super) fn remove(&mut self, id: InboxId) {
        self.events.remove(&id);
    }

    pub(super) fn events(&self, account: &Account, room: &RoomId, limit: usize) -> Vec<InboxEvent> {
        self.of(account)
            .filter(|(_, event)| event.room == *room)
            .take(limit)
            .map(|(id, event)| InboxEvent {
                id,
                event: event.clone(),
            })
            .collect()
    }

    pub(super) fn lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Vec<InboxLane> {
        let mut lanes: BTreeMap<OwnedRoomId, InboxLane> = BTreeMap::new();
        for (_, event) in self.of(account) {
            let lane = lanes.entry(event.room.clone());
            let lane = lane.or_insert_with(|| InboxLane {
                room: event.room.clone(),
                events: 0,
                oldest: event.received,
            });
            lane.events += 1;
        }
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = lanes.range::<RoomId, _>((start, Bound::Unbounded));
        lanes.map(|(_, lane)| lane.clone()).take(limit).collect()
    }

    fn of(&self, account: &Account) -> impl Iterator<Item = (InboxId, &NewInboxEvent)> {
        self.events
            .iter()
            .filter(move |(_, (owner, _))| owner == account)
            .map(|(id, (_, event))| (*id, event))
    }
}
