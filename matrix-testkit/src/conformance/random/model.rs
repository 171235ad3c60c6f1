//! The simplest thing that could be right: lists that are searched from the start.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use matrix_bridge_core::{
    Batch, Checkpoint, Claim, ClaimRequest, ClaimToken, CommitOutcome, Disposition, Fence, InboxId,
    LaneId, LeaseOutcome, LeaseRequest, NewInboxEntry, NewRow, OutcomeResult, PruneLimits, Row,
    RowId, RowKey, RowState, Settlement, Stale, Timestamp, ValueKey, Verdict,
    ruma::{OwnedEventId, OwnedRoomId},
};

/// What a store should hold. Of one source, one lease and one account.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) checkpoint: Checkpoint,
    pub(super) marks: BTreeMap<OwnedEventId, Timestamp>,
    pub(super) last_seen: BTreeMap<OwnedRoomId, OwnedEventId>,
    /// In order. An id is 0 until the store has told it.
    pub(super) inbox: Vec<(InboxId, NewInboxEntry)>,
    pub(super) values: BTreeMap<ValueKey, Bytes>,
    pub(super) fence: Fence,
    holder: Option<(String, Timestamp)>,
    /// In order. An id is 0 until the store has told it.
    pub(super) rows: Vec<ModelRow>,
    /// When the last claim on a lane was settled, of lanes with open rows.
    freed: BTreeMap<LaneId, Timestamp>,
    pub(super) outcomes: Vec<(RowKey, Timestamp, OutcomeResult)>,
}

#[derive(Debug)]
pub(super) struct ModelRow {
    pub(super) row: Row,
    due: Timestamp,
    until: Timestamp,
    was_tried: bool,
    settled: Timestamp,
}

impl ModelRow {
    const fn is_open(&self) -> bool {
        matches!(
            self.row.state,
            RowState::Waiting { .. } | RowState::Claimed { .. }
        )
    }

    const fn is_claimed(&self) -> bool {
        matches!(self.row.state, RowState::Claimed { .. })
    }
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
            for (_, event) in self.inbox.iter_mut().filter(|(id, _)| *id == retry.id) {
                (event.attempts, event.due) = (retry.attempts, retry.due);
            }
        }
        self.inbox.retain(|(id, _)| !batch.inbox_done.contains(id));
        let new = batch.inbox.into_iter();
        self.inbox.extend(new.map(|event| (InboxId(0), event)));
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

    fn enqueue(&mut self, new: NewRow, now: Timestamp) {
        if self.rows.iter().any(|row| row.row.key == new.key) {
            return;
        }
        let state = match new.disposition {
            Disposition::Send => RowState::Waiting { due: new.created },
            Disposition::Shadow => RowState::Shadow,
            Disposition::Park(reason) => {
                let result = OutcomeResult::Parked(reason.clone());
                self.outcomes.push((new.key.clone(), now, result));
                RowState::Parked { reason }
            }
        };
        self.rows.push(ModelRow {
            row: Row {
                id: RowId(0),
                key: new.key,
                lane: new.lane,
                sender: new.sender,
                class: new.class,
                transaction_id: new.transaction_id,
                body: new.body,
                created: new.created,
                attempts: 0,
                first_attempt: None,
                state,
            },
            due: new.created,
            until: now,
            was_tried: false,
            settled: now,
        });
    }

    /// What the store should hand out, by lane.
    pub(super) fn claimable(&self, request: &ClaimRequest) -> Vec<(LaneId, Vec<RowKey>)> {
        let open = || self.rows.iter().filter(|row| row.is_open());
        let lanes: BTreeSet<&LaneId> = open().map(|row| &row.row.lane).collect();
        let mut claimable = Vec::new();
        for lane in lanes {
            let rows: Vec<_> = open().filter(|row| row.row.lane == *lane).collect();
            let kind = |row: &ModelRow| (row.row.sender.user.clone(), row.row.class);
            let of = kind(rows[0]);
            let is_held = |row: &&ModelRow| row.is_claimed() && row.until > request.now;
            let is_behind = self.freed.get(lane).is_some_and(|at| *at > request.now);
            if rows.iter().any(is_held) || is_behind || request.paused.contains(&of) {
                continue;
            }
            let run: Vec<RowKey> = rows
                .iter()
                .take_while(|row| row.due <= request.now && kind(row) == of)
                .take(request.rows_per_lane)
                .map(|row| row.row.key.clone())
                .collect();
            if !run.is_empty() {
                claimable.push((lane.clone(), run));
            }
        }
        claimable
    }

    /// Writes down a claim that the store has made.
    pub(super) fn take(&mut self, request: &ClaimRequest, claim: &Claim) {
        for row in self.rows.iter_mut().filter(|row| row.is_claimed()) {
            if row.row.lane == claim.lane {
                row.row.state = RowState::Waiting { due: row.due };
            }
        }
        for row in &mut self.rows {
            let mut taken = claim.rows.iter();
            if let Some(taken) = taken.find(|taken| taken.key == row.row.key) {
                row.row.id = taken.id;
                row.was_tried = row.row.first_attempt.is_some();
                row.row.first_attempt.get_or_insert(request.now);
                row.until = request.now + request.ttl;
                let token = claim.token;
                row.row.state = RowState::Claimed { token };
            }
        }
    }

    /// Whether the settlement counts.
    pub(super) fn settle(&mut self, settlement: Settlement) -> bool {
        let Settlement {
            row: id,
            token,
            verdict,
            at,
        } = settlement;
        let Some(row) = self.find(id, token) else {
            return false;
        };
        let (key, lane) = (row.row.key.clone(), row.row.lane.clone());
        let is_settled = !matches!(verdict, Verdict::Amend(_));
        let result = match verdict {
            Verdict::Sent(event_id) => {
                row.row.state = RowState::Sent {
                    event_id: event_id.clone(),
                };
                Some(OutcomeResult::Sent(event_id))
            }
            Verdict::Park(reason) => {
                row.row.state = RowState::Parked {
                    reason: reason.clone(),
                };
                Some(OutcomeResult::Parked(reason))
            }
            Verdict::Retry { due, counted } => {
                row.row.attempts += u32::from(counted);
                row.due = due;
                row.row.state = RowState::Waiting { due };
                None
            }
            Verdict::Release => {
                row.row.first_attempt = row.row.first_attempt.filter(|_| row.was_tried);
                row.row.state = RowState::Waiting { due: row.due };
                None
            }
            Verdict::Shadow => {
                row.row.state = RowState::Shadow;
                None
            }
            Verdict::Amend(action) => {
                row.row.body.action = action;
                None
            }
        };
        row.settled = at;
        self.outcomes.extend(result.map(|result| (key, at, result)));
        if is_settled {
            self.note_turn(lane, at);
        }
        true
    }

    /// Whether a claim ended, and with it the turn of its lane.
    fn note_turn(&mut self, lane: LaneId, at: Timestamp) {
        let of_lane = || self.rows.iter().filter(|row| row.row.lane == lane);
        if !of_lane().any(ModelRow::is_open) {
            self.freed.remove(&lane);
        } else if !of_lane().any(ModelRow::is_claimed) {
            self.freed.insert(lane, at);
        }
    }

    fn find(&mut self, id: RowId, token: ClaimToken) -> Option<&mut ModelRow> {
        let mut rows = self.rows.iter_mut();
        rows.find(|row| row.row.id == id && row.row.state == RowState::Claimed { token })
    }

    pub(super) fn requeue(&mut self, key: &RowKey, now: Timestamp) {
        for row in self.rows.iter_mut().filter(|row| row.row.key == *key) {
            row.due = now;
            row.row.attempts = 0;
            row.row.state = RowState::Waiting { due: now };
        }
    }

    pub(super) fn discard(&mut self, key: &RowKey) {
        self.rows.retain(|row| row.row.key != *key);
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let mut lanes: BTreeMap<&LaneId, Timestamp> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.is_open()) {
            // The first row of a lane counts with its due time, all with their claims.
            let freed = self.freed.get(&row.row.lane).copied();
            let due = freed.map_or(row.due, |at| at.max(row.due));
            let lane = lanes.entry(&row.row.lane).or_insert(due);
            if row.is_claimed() {
                *lane = row.until.max(*lane);
            }
        }
        lanes.into_values().min()
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

    /// Only by age.
    pub(super) fn prune(&mut self, limits: PruneLimits) {
        let last_seen = &self.last_seen;
        self.marks.retain(|event, at| {
            *at >= limits.marks_before || last_seen.values().any(|last| last == event)
        });
        self.rows.retain(|row| {
            let is_record = matches!(row.row.state, RowState::Sent { .. } | RowState::Shadow);
            !is_record || row.settled >= limits.records_before
        });
        self.outcomes
            .retain(|(_, at, _)| *at >= limits.records_before);
    }
}
