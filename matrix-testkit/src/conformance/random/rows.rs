//! The sending side of the model.

use std::collections::BTreeSet;

use matrix_bridge_core::{
    Claim, ClaimRequest, ClaimToken, Disposition, LaneId, NewRow, OrderPolicy, OutcomeResult,
    ParkCode, ParkedRows, PruneLimits, Row, RowId, RowKey, RowState, Settlement, Timestamp,
    Verdict,
};

use super::model::Model;

/// A row with what only the model knows of it.
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

    const fn is_parked(&self) -> bool {
        matches!(self.row.state, RowState::Parked { .. })
    }

    fn blocks(&self) -> bool {
        self.is_parked() && self.row.body.order == OrderPolicy::Block
    }

    const fn is_claimed(&self) -> bool {
        matches!(self.row.state, RowState::Claimed { .. })
    }
}

impl Model {
    pub(super) fn enqueue(&mut self, new: NewRow, now: Timestamp) {
        if !self.has_key(&new.key) {
            let row = self.new_row(new, now);
            self.rows.push(row);
        }
    }

    fn has_key(&self, key: &RowKey) -> bool {
        self.rows.iter().any(|row| row.row.key == *key)
    }

    fn new_row(&mut self, new: NewRow, now: Timestamp) -> ModelRow {
        let state = match new.disposition {
            Disposition::Send => RowState::Waiting { due: new.created },
            Disposition::Shadow => RowState::Shadow,
            Disposition::Park(reason) => {
                let result = OutcomeResult::Parked(reason.clone());
                self.outcomes.push((new.key.clone(), now, result));
                RowState::Parked { reason }
            }
        };
        ModelRow {
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
        }
    }

    fn open(&self) -> impl Iterator<Item = &ModelRow> {
        self.rows.iter().filter(|row| row.is_open())
    }

    /// The open rows of a lane before the first one that blocks it.
    fn unblocked(&self, lane: &LaneId) -> Vec<&ModelRow> {
        let of_lane = self.rows.iter().filter(|row| row.row.lane == *lane);
        let before = of_lane.take_while(|row| !row.blocks());
        before.filter(|row| row.is_open()).collect()
    }

    /// What the store should hand out, by lane.
    pub(super) fn claimable(&self, request: &ClaimRequest) -> Vec<(LaneId, Vec<RowKey>)> {
        let lanes: BTreeSet<&LaneId> = self.open().map(|row| &row.row.lane).collect();
        let mut claimable = Vec::new();
        for lane in lanes {
            let rows = self.unblocked(lane);
            let Some(head) = rows.first() else { continue };
            let kind = |row: &ModelRow| (row.row.sender.user.clone(), row.row.class);
            let of = kind(head);
            let mut of_lane = self.open().filter(|row| row.row.lane == *lane);
            let is_held = of_lane.any(|row| row.is_claimed() && row.until > request.now);
            let is_behind = self.freed.get(lane).is_some_and(|at| *at > request.now);
            if is_held || is_behind || request.paused.contains(&of) {
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

    pub(super) fn replace(&mut self, key: &RowKey, with: NewRow) -> bool {
        let mut rows = self.rows.iter();
        let (false, Some(place)) = (
            self.has_key(&with.key),
            rows.position(|row| row.row.key == *key && row.is_parked()),
        ) else {
            return false;
        };
        let old = self.rows[place].row.clone();
        let now = with.created;
        let mut new = self.new_row(with, now);
        (new.row.id, new.row.lane) = (old.id, old.lane);
        self.rows[place] = new;
        true
    }

    /// What should be told of parked rows.
    pub(super) fn parked_rows(&self) -> Vec<ParkedRows> {
        let counted = |code| {
            let of_code = self.rows.iter().filter(
                |row| matches!(&row.row.state, RowState::Parked { reason } if reason.code == code),
            );
            let created: Vec<_> = of_code.map(|row| row.row.created).collect();
            let oldest = created.iter().min().copied()?;
            let rows = created.len() as u64;
            Some(ParkedRows { code, rows, oldest })
        };
        ParkCode::ALL.into_iter().filter_map(counted).collect()
    }

    pub(super) fn discard(&mut self, key: &RowKey) {
        self.rows.retain(|row| row.row.key != *key);
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let lanes: BTreeSet<&LaneId> = self.open().map(|row| &row.row.lane).collect();
        let due = lanes.into_iter().filter_map(|lane| {
            let head = self.unblocked(lane).first()?.due;
            // Claims hold the lane also on rows behind one that blocks it.
            let claimed = self
                .open()
                .filter(|row| row.row.lane == *lane && row.is_claimed());
            let freed = self.freed.get(lane).copied();
            claimed
                .map(|row| row.until)
                .chain(freed)
                .chain([head])
                .max()
        });
        due.min()
    }

    /// By age, and parked rows by count.
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
        self.prune_parked(limits.parked_rows_max);
    }

    fn prune_parked(&mut self, max: u64) {
        let parked = self.rows.iter().filter(|row| row.is_parked());
        let excess = (parked.count() as u64).saturating_sub(max);
        let may_go = self
            .rows
            .iter()
            .filter(|row| row.is_parked() && !row.blocks());
        let mut oldest: Vec<_> = may_go.map(|row| (row.settled, row.row.id)).collect();
        oldest.sort();
        oldest.truncate(usize::try_from(excess).unwrap_or(usize::MAX));
        self.rows
            .retain(|row| !oldest.iter().any(|(_, id)| *id == row.row.id));
    }
}
