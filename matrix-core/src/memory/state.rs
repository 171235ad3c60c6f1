//! Everything in the store, and the one way to change the taking-in side of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use ruma::OwnedEventId;

use super::{inbox::Inbox, lease::Leases, mark::Marks, queue::Queue, room::Rooms};
use crate::{
    Account, Advance, Batch, Checkpoint, CommitOutcome, ParkedEvent, SourceId, Stale, ValueKey,
};

/// The contents of the store.
#[derive(Debug, Default)]
pub(super) struct State {
    sources: BTreeMap<SourceId, Checkpoint>,
    pub(super) marks: Marks,
    pub(super) rooms: Rooms,
    pub(super) inbox: Inbox,
    /// The oldest first.
    pub(super) parked: Vec<(Account, ParkedEvent)>,
    values: BTreeMap<ValueKey, Bytes>,
    pub(super) leases: Leases,
    pub(super) queue: Queue,
}

impl State {
    pub(super) fn checkpoint(&self, source: &SourceId) -> Checkpoint {
        self.sources.get(source).cloned().unwrap_or_default()
    }

    /// A room's last seen event counts as seen even if its mark was never written.
    pub(super) fn is_seen(&self, account: &Account, event: &OwnedEventId) -> bool {
        self.marks.has(account, event) || self.rooms.is_last_seen(account, event)
    }

    pub(super) fn parked_events(&self, account: &Account, limit: usize) -> Vec<ParkedEvent> {
        let newest_first = self.parked.iter().rev();
        newest_first
            .filter(|(owner, _)| owner == account)
            .map(|(_, event)| event.clone())
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
        used.find(|id| !self.inbox.has(&batch.account, *id))
            .map(Stale::Inbox)
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
            parked,
            facts,
            values,
        } = batch;
        if let Some(advance) = advance {
            self.advance(advance);
        }
        for mark in marks {
            self.marks.set(account.clone(), mark, now);
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
        for event in inbox {
            self.inbox.push(account.clone(), event);
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
        let parked = parked.into_iter().map(|event| (account.clone(), event));
        self.parked.extend(parked);
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
