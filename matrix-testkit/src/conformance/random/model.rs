//! The simplest thing that could be right: lists that are searched from the start.

use std::collections::BTreeMap;

use bytes::Bytes;
use matrix_bridge_core::{
    Batch, Checkpoint, CommitOutcome, Fence, GapFill, InboxId, InboxItem, LaneId, LeaseOutcome,
    LeaseRequest, NewInboxEntry, NewParkedEvent, OutcomeResult, ParkedEventId, RowKey, Stale,
    Timestamp, ValueKey,
    ruma::{OwnedEventId, OwnedRoomId},
};

use super::rows::ModelRow;

/// What a store should hold. Of one source, one lease and one account.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) checkpoint: Checkpoint,
    pub(super) marks: BTreeMap<OwnedEventId, Timestamp>,
    pub(super) last_seen: BTreeMap<OwnedRoomId, OwnedEventId>,
    /// In order. An id is 0 until the store has told it.
    pub(super) inbox: Vec<(InboxId, NewInboxEntry)>,
    /// In order. An id is 0 until the store has told it.
    pub(super) parked: Vec<(ParkedEventId, NewParkedEvent)>,
    pub(super) values: BTreeMap<ValueKey, Bytes>,
    pub(super) fence: Fence,
    holder: Option<(String, Timestamp)>,
    /// In order. An id is 0 until the store has told it.
    pub(super) rows: Vec<ModelRow>,
    /// When the last claim on a lane was settled, of lanes with open rows.
    pub(super) freed: BTreeMap<LaneId, Timestamp>,
    pub(super) outcomes: Vec<(RowKey, Timestamp, OutcomeResult)>,
}

impl Model {
    pub(super) fn is_seen(&self, event: &OwnedEventId) -> bool {
        self.marks.contains_key(event) || self.last_seen.values().any(|last| last == event)
    }

    pub(super) fn commit(&mut self, batch: Batch) -> CommitOutcome {
        if let Some(owner) = &batch.owner
            && (self.holder.is_none() || self.fence != owner.fence)
        {
            return CommitOutcome::Stale(Stale::Owner);
        }
        if let Some(advance) = &batch.advance
            && advance.expected != self.checkpoint.generation
        {
            return CommitOutcome::Stale(Stale::Source(self.checkpoint.clone()));
        }
        let retries = batch.inbox_retry.iter().map(|retry| retry.id);
        for id in batch.inbox_done.iter().copied().chain(retries) {
            if !self.inbox.iter().any(|(known, _)| *known == id) {
                return CommitOutcome::Stale(Stale::Inbox(id));
            }
        }
        for fill in &batch.fills {
            if !self.is_open_gap(fill.gap) || batch.inbox_done.contains(&fill.gap) {
                return CommitOutcome::Stale(Stale::Inbox(fill.gap));
            }
        }
        for id in &batch.parked_done {
            if !self.parked.iter().any(|(known, _)| known == id) {
                return CommitOutcome::Stale(Stale::Parked(*id));
            }
        }
        self.write(batch);
        CommitOutcome::Applied
    }

    fn write(&mut self, batch: Batch) {
        if let Some(advance) = batch.advance {
            self.checkpoint.position = advance.position;
            self.checkpoint.generation.0 += 1;
        }
        for mark in batch.marks {
            self.marks.entry(mark).or_insert(batch.now);
        }
        for retry in batch.inbox_retry {
            for (_, entry) in self.inbox.iter_mut().filter(|(id, _)| *id == retry.id) {
                (entry.attempts, entry.due) = (retry.attempts, retry.due);
            }
        }
        self.inbox.retain(|(id, _)| !batch.inbox_done.contains(id));
        for fill in batch.fills {
            self.fill(fill);
        }
        let new = batch.inbox.into_iter();
        self.inbox.extend(new.map(|entry| (InboxId(0), entry)));
        self.parked
            .retain(|(id, _)| !batch.parked_done.contains(id));
        let new = batch.parked.into_iter();
        self.parked
            .extend(new.map(|event| (ParkedEventId(0), event)));
        for facts in batch.facts {
            self.last_seen.remove(&facts.room);
            if let Some(last) = facts.last_seen {
                self.last_seen.insert(facts.room, last.event_id);
            }
        }
        for change in batch.values {
            self.values.remove(&change.key);
            if let Some(value) = change.value {
                self.values.insert(change.key, value);
            }
        }
        for row in batch.rows {
            self.enqueue(row, batch.now);
        }
    }

    /// Gaps that are the first of their rooms, as far as their ids are known.
    pub(super) fn open_gaps(&self) -> Vec<InboxId> {
        let ids = self.inbox.iter().map(|(id, _)| *id);
        let known = ids.filter(|id| *id != InboxId(0));
        known.filter(|id| self.is_open_gap(*id)).collect()
    }

    fn is_open_gap(&self, id: InboxId) -> bool {
        let Some((_, gap)) = self.inbox.iter().find(|(known, _)| *known == id) else {
            return false;
        };
        let mut of_room = self.inbox.iter();
        let first = of_room.find(|(_, entry)| entry.room == gap.room);
        matches!(gap.item, InboxItem::Gap(_)) && first.is_some_and(|(first, _)| *first == id)
    }

    fn fill(&mut self, fill: GapFill) {
        let Some(place) = self.inbox.iter().position(|(id, _)| *id == fill.gap) else {
            return;
        };
        let behind = place + 1;
        let new = fill.entries.into_iter().map(|entry| (InboxId(0), entry));
        self.inbox.splice(behind..behind, new);
        match fill.rest {
            Some(rest) => self.inbox[place].1.item = InboxItem::Gap(rest),
            None => drop(self.inbox.remove(place)),
        }
    }

    pub(super) fn lease(&mut self, request: LeaseRequest) -> LeaseOutcome {
        let holder = self.holder.take();
        match holder.filter(|(_, until)| *until > request.now) {
            Some((holder, until)) if holder != request.holder => {
                self.holder = Some((holder, until));
                return LeaseOutcome::Taken { until };
            }
            Some(_) => {}
            None => self.fence.0 += 1,
        }
        self.holder = Some((request.holder, request.now + request.ttl));
        LeaseOutcome::Held(self.fence)
    }

    pub(super) fn release(&mut self, fence: Fence) {
        self.holder = self.holder.take().filter(|_| self.fence != fence);
    }
}
