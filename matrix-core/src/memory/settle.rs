//! What becomes of rows: the worker's word, and a person's.

use super::queue::{Entry, Queue};
use crate::{
    LaneId, NewRow, OutcomeResult, RowId, RowState, Settled, Settlement, Timestamp, Verdict,
};

impl Queue {
    pub(super) fn settle(&mut self, settlements: Vec<Settlement>) -> Settled {
        let mut settled = Settled::default();
        for settlement in settlements {
            let row = settlement.row;
            if self.settle_one(settlement).is_none() {
                settled.lost.push(row);
            }
        }
        settled
    }

    /// `None` when the row is no longer under that claim.
    fn settle_one(&mut self, settlement: Settlement) -> Option<()> {
        let Settlement {
            row: id,
            token,
            verdict,
            at,
        } = settlement;
        let entry = self.rows.get_mut(&id)?;
        if entry.row.state != (RowState::Claimed { token }) {
            return None;
        }
        let is_settled = !matches!(verdict, Verdict::Amend(_));
        let lane = entry.row.lane.clone();
        match verdict {
            Verdict::Retry { due, counted } => {
                entry.row.attempts += u32::from(counted);
                entry.wait_until(due);
            }
            Verdict::Release => {
                if entry.is_first_claim {
                    entry.row.first_attempt = None;
                }
                entry.wait_until(entry.due);
            }
            Verdict::Amend(action) => entry.row.body.action = action,
            Verdict::Sent(event) => {
                let result = OutcomeResult::Sent(event.clone());
                self.outcomes.push(entry.row.key.clone(), at, result);
                if let (Some(link), Some(event)) = (&entry.row.body.link, &event) {
                    self.links.set(link, event.clone());
                }
                let state = RowState::Sent { event_id: event };
                self.leave_lane(id, state, at);
            }
            Verdict::Park(reason) => {
                let result = OutcomeResult::Parked(reason.clone());
                self.outcomes.push(entry.row.key.clone(), at, result);
                self.leave_lane(id, RowState::Parked { reason }, at);
            }
            Verdict::Shadow => self.leave_lane(id, RowState::Shadow, at),
        }
        if is_settled {
            self.note_freed(&lane, at);
        }
        Some(())
    }

    /// Once the last row of a claim is settled, its lane is behind those that waited
    /// meanwhile.
    fn note_freed(&mut self, lane: &LaneId, at: Timestamp) {
        let Some(rows) = self.lanes.get(lane) else {
            self.freed.remove(lane);
            return;
        };
        let mut held = rows.iter().filter_map(|id| self.rows.get(id));
        if !held.any(Entry::is_claimed) {
            self.freed.insert(lane.clone(), at);
        }
    }

    fn leave_lane(&mut self, id: RowId, state: RowState, at: Timestamp) {
        let Some(entry) = self.rows.get_mut(&id) else {
            return;
        };
        entry.row.state = state;
        entry.settled = at;
        let (lane, blocks) = (entry.row.lane.clone(), entry.blocks());
        if let Some(rows) = self.lanes.get_mut(&lane) {
            rows.remove(&id);
            if rows.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        if blocks {
            self.block(lane, id);
        }
    }

    /// The rows come back to their old place: ids are the order of a lane.
    pub(super) fn requeue(&mut self, rows: &[RowId], now: Timestamp) -> u64 {
        let mut requeued = 0;
        for id in rows {
            if let Some(entry) = self.rows.get_mut(id).filter(|entry| entry.is_parked()) {
                entry.row.attempts = 0;
                entry.wait_until(now);
                let lane = self.lanes.entry(entry.row.lane.clone());
                lane.or_default().insert(*id);
                self.unblock(*id);
                requeued += 1;
            }
        }
        requeued
    }

    /// The new row takes over the id, for ids are the order of a lane.
    pub(super) fn replace(&mut self, id: RowId, with: NewRow) -> bool {
        let Some(old) = self.rows.get(&id).filter(|entry| entry.is_parked()) else {
            return false;
        };
        if self.keys.contains_key(&with.key) {
            return false;
        }
        let lane = old.row.lane.clone();
        self.forget(id);
        let now = with.created;
        self.enqueue_as(id, NewRow { lane, ..with }, now);
        true
    }

    pub(super) fn block(&mut self, lane: LaneId, id: RowId) {
        self.blocking.entry(lane).or_default().insert(id);
    }

    fn unblock(&mut self, id: RowId) {
        self.blocking.retain(|_, rows| {
            rows.remove(&id);
            !rows.is_empty()
        });
    }

    pub(super) fn discard(&mut self, rows: &[RowId]) -> u64 {
        let mut discarded = 0;
        for id in rows {
            if self.rows.get(id).is_some_and(Entry::is_parked) {
                self.forget(*id);
                discarded += 1;
            }
        }
        discarded
    }

    /// Removes a row that is in no lane. Its key can be used again.
    pub(super) fn forget(&mut self, id: RowId) {
        if let Some(entry) = self.rows.remove(&id) {
            self.keys.remove(&entry.row.key);
            self.unblock(id);
        }
    }
}
