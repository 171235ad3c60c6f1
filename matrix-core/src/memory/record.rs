//! What became of rows: outcomes and links.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId};

use crate::{HostLink, Outcome, OutcomeCursor, OutcomeResult, RowKey, Timestamp};

/// The outcomes, in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes {
    pub(super) list: Vec<Outcome>,
    /// Never used again, also when outcomes are pruned: a host goes on reading from it.
    pub(super) last: OutcomeCursor,
}

impl Outcomes {
    pub(super) fn push(&mut self, key: RowKey, at: Timestamp, result: OutcomeResult) {
        self.last.0 += 1;
        self.list.push(Outcome {
            cursor: self.last,
            key,
            at,
            result,
        });
    }

    pub(super) fn list(&self, after: OutcomeCursor, limit: usize) -> Vec<Outcome> {
        let later = self.list.iter().filter(|outcome| outcome.cursor > after);
        later.take(limit).cloned().collect()
    }

    /// Removes those from before `before` and the oldest of those beyond `max`.
    pub(super) fn prune(&mut self, before: Timestamp, max: u64) {
        self.list.retain(|outcome| outcome.at >= before);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.list.drain(..self.list.len().saturating_sub(max));
    }
}

/// Which event is which message of the host: one to one.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    events: BTreeMap<HostLink, OwnedEventId>,
    hosts: BTreeMap<OwnedEventId, HostLink>,
}

impl Links {
    /// Replaces what either of the two was linked to.
    pub(super) fn set(&mut self, host: &HostLink, event: OwnedEventId) {
        if let Some(former) = self.events.insert(host.clone(), event.clone()) {
            self.hosts.remove(&former);
        }
        if let Some(former) = self.hosts.insert(event, host.clone())
            && former != *host
        {
            self.events.remove(&former);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&HostLink, &OwnedEventId)> {
        self.events.iter()
    }

    pub(super) fn event(&self, host: &HostLink) -> Option<OwnedEventId> {
        self.events.get(host).cloned()
    }

    pub(super) fn host(&self, event: &EventId) -> Option<HostLink> {
        self.hosts.get(event).cloned()
    }
}
