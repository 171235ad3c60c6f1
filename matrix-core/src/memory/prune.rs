//! Forgetting what is past its age or count.

use std::collections::BTreeSet;

use super::{
    queue::{Entry, Queue},
    state::State,
};
use crate::{PruneLimits, Pruned, RowId, RowState, Timestamp};

impl State {
    pub(super) fn prune(&mut self, limits: PruneLimits) -> Pruned {
        let PruneLimits {
            marks_before,
            marks_max,
            records_before,
            records_max,
            parked_events_max,
            parked_rows_max,
        } = limits;
        let kept = self.rooms.last_seen();
        let (marks, has_more) = self.marks.prune(marks_before, marks_max, &kept);
        let queue = &mut self.queue;
        queue.outcomes.prune(records_before, records_max);
        let is_sent = |state: &_| matches!(state, RowState::Sent { .. });
        let is_shadow = |state: &_| matches!(state, RowState::Shadow);
        let sent = queue.prune(is_sent, records_before, records_max);
        let shadow = queue.prune(is_shadow, records_before, records_max);
        Pruned {
            marks,
            records: sent + shadow,
            parked_rows: queue.prune_parked(parked_rows_max),
            parked_events: self.prune_parked(parked_events_max),
            has_more,
        }
    }

    fn prune_parked(&mut self, max: u64) -> u64 {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let excess = self.parked.len().saturating_sub(max);
        for _ in 0..excess {
            self.parked.pop_first();
        }
        excess as u64
    }
}

impl Queue {
    /// Removes the rows of one kind that are from before `before` and the oldest of
    /// those beyond `max`. Returns how many.
    fn prune(&mut self, is_kind: fn(&RowState) -> bool, before: Timestamp, max: u64) -> u64 {
        self.prune_where(|entry| is_kind(&entry.row.state), before, max)
    }

    /// Removes the oldest parked rows beyond `max` that do not block their lane.
    fn prune_parked(&mut self, max: u64) -> u64 {
        let parked = self.rows.values().filter(|entry| entry.is_parked()).count() as u64;
        let blocking = self.blocking.values().map(BTreeSet::len).sum::<usize>() as u64;
        let may_stay = max.saturating_sub(blocking).min(parked);
        self.prune_where(
            |entry| entry.is_parked() && !entry.blocks(),
            Timestamp(0),
            may_stay,
        )
    }

    fn prune_where(
        &mut self,
        is_meant: impl Fn(&Entry) -> bool,
        before: Timestamp,
        max: u64,
    ) -> u64 {
        let of_kind = self.rows.iter().filter(|(_, entry)| is_meant(entry));
        let mut oldest_first: Vec<(Timestamp, RowId)> =
            of_kind.map(|(id, entry)| (entry.settled, *id)).collect();
        oldest_first.sort();
        let mut left = oldest_first.len() as u64;
        let total = left;
        for (at, id) in oldest_first {
            if at < before || left > max {
                self.forget(id);
                left -= 1;
            }
        }
        total - left
    }
}
