//! Everything in the store, and the one way to change the taking-in side of it.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;
use ruma::OwnedEventId;

use super::{inbox::Inbox, lease::Leases, mark::Marks, queue::Queue, room::Rooms};
use crate::{
    Account, Advance, Batch, Checkpoint, CommitOutcome, Digest, NewParkedEvent, ParkedEvent,
    ParkedEventId, SourceId, Stale, ValueKey,
};

/// The contents of the store.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) sources: BTreeMap<SourceId, Checkpoint>,
    pub(super) marks: Marks,
    pub(super) rooms: Rooms,
    pub(super) inbox: Inbox,
    pub(super) parked: BTreeMap<ParkedEventId, (Account, NewParkedEvent)>,
    pub(super) last_parked: ParkedEventId,
    pub(super) values: BTreeMap<ValueKey, Bytes>,
    pub(super) leases: Leases,
    pub(super) queue: Queue,
    /// Whether a copy into it was begun and not ended.
    pub(super) is_unfinished: bool,
}

impl State {
    pub(super) fn checkpoint(&self, source: &SourceId) -> Checkpoint {
        self.sources.get(source).cloned().unwrap_or_default()
    }

    /// A room's last seen event counts as seen even if its mark was never written.
    pub(super) fn is_seen(&self, account: &Account, event: &OwnedEventId) -> bool {
        self.marks.has(&Digest::of(account, event.as_str()))
            || self.rooms.is_last_seen(account, event)
    }

    pub(super) fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Vec<ParkedEvent> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = self.parked.range((Bound::Unbounded, end)).rev();
        newest_first
            .filter(|(_, (owner, _))| owner == account)
            .map(|(id, (_, event))| ParkedEvent {
                id: *id,
                event: event.clone(),
            })
            .take(limit)
            .collect()
    }

    pub(super) fn values(&self, keys: &[ValueKey]) -> Vec<Option<Bytes>> {
        keys.iter()
            .map(|key| self.values.get(key).cloned())
            .collect()
    }

    pub(super) fn commit(&mut self, batch: Batch) -> CommitOutcome {
        match self.why_stale(&batch) {
            Some(stale) => CommitOutcome::Stale(stale),
            None => {
                self.write(batch);
                CommitOutcome::Applied
            }
        }
    }

    fn why_stale(&self, batch: &Batch) -> Option<Stale> {
        if let Some(owner) = &batch.owner
            && !self.leases.is_held(&owner.lease, owner.fence)
        {
            return Some(Stale::Owner);
        }
        if let Some(advance) = &batch.advance {
            let current = self.checkpoint(&advance.source);
            if current.generation != advance.expected {
                return Some(Stale::Source(current));
            }
        }
        let retried = batch.inbox_retry.iter().map(|retry| retry.id);
        let mut used = batch.inbox_done.iter().copied().chain(retried);
        let gone = used.find(|id| !self.inbox.has(&batch.account, *id));
        let mut filled = batch.fills.iter().map(|fill| fill.gap);
        let mut unparked = batch.parked_done.iter().copied();
        gone.or_else(|| filled.find(|id| !self.inbox.is_open_gap(&batch.account, *id)))
            .or_else(|| batch.gap_named_twice())
            .map(Stale::Inbox)
            .or_else(|| {
                unparked
                    .find(|id| !self.is_parked(&batch.account, *id))
                    .map(Stale::Parked)
            })
    }

    fn is_parked(&self, account: &Account, id: ParkedEventId) -> bool {
        let event = self.parked.get(&id);
        event.is_some_and(|(owner, _)| owner == account)
    }

    fn write(&mut self, batch: Batch) {
        let Batch {
            account,
            now,
            owner: _,
            advance,
            marks,
            rows,
            inbox,
            inbox_done,
            inbox_retry,
            fills,
            parked,
            parked_done,
            facts,
            values,
        } = batch;
        if let Some(advance) = advance {
            self.advance(advance);
        }
        for mark in marks {
            self.marks.set(Digest::of(&account, mark.as_str()), now);
        }
        for row in rows {
            self.queue.enqueue(row, now);
        }
        for retry in inbox_retry {
            self.inbox.put_off(retry);
        }
        for id in inbox_done {
            self.inbox.remove(id);
        }
        for fill in fills {
            self.inbox.fill(fill);
        }
        for entry in inbox {
            self.inbox.push(account.clone(), entry);
        }
        for room in facts {
            self.rooms.set(account.clone(), room);
        }
        for change in values {
            match change.value {
                Some(value) => self.values.insert(change.key, value),
                None => self.values.remove(&change.key),
            };
        }
        for id in parked_done {
            self.parked.remove(&id);
        }
        for event in parked {
            self.last_parked.0 += 1;
            self.parked
                .insert(self.last_parked, (account.clone(), event));
        }
    }

    fn advance(&mut self, advance: Advance) {
        let Advance {
            source,
            expected: _,
            position,
        } = advance;
        let checkpoint = self.sources.entry(source).or_default();
        checkpoint.position = position;
        checkpoint.generation.0 += 1;
    }
}
