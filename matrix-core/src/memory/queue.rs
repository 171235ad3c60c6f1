//! The outbox: what goes in, what is handed out, and what is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::record::{Links, Outcomes};
use crate::{
    Claim, ClaimRequest, ClaimToken, Disposition, LaneId, ListState, NewRow, OrderPolicy,
    OutcomeResult, ParkCode, ParkedRows, QueueDepth, Row, RowId, RowKey, RowState, Timestamp,
};

/// All rows, and what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) rows: BTreeMap<RowId, Entry>,
    pub(super) keys: BTreeMap<RowKey, RowId>,
    /// The waiting and claimed rows of each lane. No set is empty.
    pub(super) lanes: BTreeMap<LaneId, BTreeSet<RowId>>,
    /// The parked rows that block their lane. No set is empty.
    pub(super) blocking: BTreeMap<LaneId, BTreeSet<RowId>>,
    /// When the last claim on a lane was settled; a lane without rows has no entry.
    pub(super) freed: BTreeMap<LaneId, Timestamp>,
    pub(super) outcomes: Outcomes,
    pub(super) links: Links,
    pub(super) last_row: RowId,
    pub(super) last_token: ClaimToken,
}

/// A row with what only the store needs to know of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) row: Row,
    /// When it may be sent; it outlasts a claim, for the row may come back from it.
    pub(super) due: Timestamp,
    /// When its claim runs out, if it is claimed.
    pub(super) until: Timestamp,
    /// Whether the current claim was the first to hand it to a sender.
    pub(super) is_first_claim: bool,
    /// When it came into its present state, if that is sent, shadow or parked.
    pub(super) settled: Timestamp,
}

impl Entry {
    pub(super) fn wait_until(&mut self, due: Timestamp) {
        self.due = due;
        self.row.state = RowState::Waiting { due };
    }

    pub(super) const fn is_claimed(&self) -> bool {
        matches!(self.row.state, RowState::Claimed { .. })
    }

    pub(super) const fn is_parked(&self) -> bool {
        matches!(self.row.state, RowState::Parked { .. })
    }

    /// Whether its lane waits for a person.
    pub(super) fn blocks(&self) -> bool {
        self.is_parked() && self.row.body.order == OrderPolicy::Block
    }

    fn is_listed_as(&self, which: ListState) -> bool {
        match self.row.state {
            RowState::Waiting { .. } | RowState::Claimed { .. } => {
                matches!(which, ListState::Waiting)
            }
            RowState::Parked { .. } => match which {
                ListState::Parked => true,
                ListState::Blocking => self.blocks(),
                _ => false,
            },
            RowState::Shadow => matches!(which, ListState::Shadow),
            RowState::Sent { .. } => matches!(which, ListState::Sent),
        }
    }
}

/// A lane that can be claimed.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Ready<'a> {
    since: Timestamp,
    head: RowId,
    lane: &'a LaneId,
}

impl Queue {
    /// Takes a row in. A key that is there in any state changes nothing.
    pub(super) fn enqueue(&mut self, row: NewRow, now: Timestamp) {
        if self.keys.contains_key(&row.key) {
            return;
        }
        self.last_row.0 += 1;
        self.enqueue_as(self.last_row, row, now);
    }

    /// Takes a row in under an id that nobody has.
    pub(super) fn enqueue_as(&mut self, id: RowId, row: NewRow, now: Timestamp) {
        let NewRow {
            key,
            lane,
            sender,
            class,
            transaction_id,
            body,
            disposition,
            created,
        } = row;
        self.keys.insert(key.clone(), id);
        let is_blocking = body.order == OrderPolicy::Block;
        let state = match disposition {
            Disposition::Send => {
                self.lanes.entry(lane.clone()).or_default().insert(id);
                RowState::Waiting { due: created }
            }
            Disposition::Shadow => RowState::Shadow,
            Disposition::Park(reason) => {
                let result = OutcomeResult::Parked(reason.clone());
                self.outcomes.push(key.clone(), now, result);
                if is_blocking {
                    self.blocking.entry(lane.clone()).or_default().insert(id);
                }
                RowState::Parked { reason }
            }
        };
        let row = Row {
            id,
            key,
            lane,
            sender,
            class,
            transaction_id,
            body,
            created,
            attempts: 0,
            first_attempt: None,
            state,
        };
        let entry = Entry {
            row,
            due: created,
            until: Timestamp::default(),
            is_first_claim: false,
            settled: now,
        };
        self.rows.insert(id, entry);
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest) -> Vec<Claim> {
        if request.rows_per_lane == 0 {
            return Vec::new();
        }
        let lanes = self.turns(request).into_iter();
        lanes.map(|lane| self.claim_lane(lane, request)).collect()
    }

    /// The lanes whose turn it is: first newcomers, the latest in front, and then whoever
    /// waits longest.
    fn turns(&self, request: &ClaimRequest) -> Vec<LaneId> {
        let mut ready = self.ready(request);
        ready.sort();
        let newcomers = ready.iter().rev().filter(|ready| self.is_new(ready.lane));
        let most = request.newcomers.min(request.lanes);
        let newcomers: Vec<&LaneId> = newcomers.take(most).map(|ready| ready.lane).collect();
        let known: BTreeSet<&LaneId> = newcomers.iter().copied().collect();
        let others = ready.iter().map(|ready| ready.lane);
        let others = others.filter(|lane| !known.contains(lane));
        let turns = newcomers.iter().copied().chain(others);
        turns.take(request.lanes).cloned().collect()
    }

    /// The lanes that can be claimed.
    fn ready(&self, request: &ClaimRequest) -> Vec<Ready<'_>> {
        let mut ready = Vec::new();
        for (lane, rows) in &self.lanes {
            let (Some(since), Some(head)) = (self.free_at(lane, rows), self.head(rows)) else {
                continue;
            };
            let Row { sender, class, .. } = &head.row;
            let is_paused = |(user, of): &(_, _)| *user == sender.user && of == class;
            if since <= request.now && !request.paused.iter().any(is_paused) {
                ready.push(Ready {
                    since,
                    head: head.row.id,
                    lane,
                });
            }
        }
        ready
    }

    /// Whether a lane had no turn yet: none of its claims was settled, nor ran out.
    fn is_new(&self, lane: &LaneId) -> bool {
        let mut rows = self.lanes.get(lane).into_iter().flatten();
        let is_claimed = |id| self.rows.get(id).is_some_and(Entry::is_claimed);
        !self.freed.contains_key(lane) && !rows.any(is_claimed)
    }

    /// Claims the first rows of a lane that is free and whose head is due.
    fn claim_lane(&mut self, lane: LaneId, request: &ClaimRequest) -> Claim {
        let now = request.now;
        self.last_token.0 += 1;
        let token = self.last_token;
        let ids = self.lanes.get(&lane).cloned().unwrap_or_default();
        let blocking = self.first_blocking(&lane);
        let mut of = None;
        let mut is_in_run = true;
        let mut rows = Vec::new();
        for id in ids {
            let Some(entry) = self.rows.get_mut(&id) else {
                continue;
            };
            // A former claim that ran out ends here for all its rows, also for those
            // that are not taken now: a lane is never under two claims.
            entry.wait_until(entry.due);
            let kind = (entry.row.sender.user.clone(), entry.row.class);
            is_in_run &= rows.len() < request.rows_per_lane && entry.due <= now;
            is_in_run &= blocking.is_none_or(|blocking| id < blocking);
            is_in_run &= *of.get_or_insert_with(|| kind.clone()) == kind;
            if is_in_run {
                entry.is_first_claim = entry.row.first_attempt.is_none();
                entry.row.first_attempt.get_or_insert(now);
                entry.row.state = RowState::Claimed { token };
                entry.until = now + request.ttl;
                rows.push(entry.row.clone());
            }
        }
        Claim { token, lane, rows }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let lanes = self.lanes.iter();
        lanes
            .filter_map(|(lane, rows)| self.free_at(lane, rows))
            .min()
    }

    /// When a lane can be claimed: its head is due, no claim on any of its rows holds or
    /// was settled later, and no row before blocks it.
    fn free_at(&self, lane: &LaneId, rows: &BTreeSet<RowId>) -> Option<Timestamp> {
        let head = self.head(rows)?;
        let blocking = self.first_blocking(lane);
        if blocking.is_some_and(|blocking| blocking < head.row.id) {
            return None;
        }
        let claims = rows
            .iter()
            .filter_map(|id| self.rows.get(id))
            .filter(|entry| entry.is_claimed())
            .map(|entry| entry.until);
        let freed = self.freed.get(lane).copied();
        claims.chain(Some(head.due)).chain(freed).max()
    }

    fn first_blocking(&self, lane: &LaneId) -> Option<RowId> {
        self.blocking.get(lane)?.first().copied()
    }

    fn head(&self, lane: &BTreeSet<RowId>) -> Option<&Entry> {
        self.rows.get(lane.first()?)
    }

    pub(super) fn rows(&self, keys: &[RowKey]) -> Vec<Option<Row>> {
        let row = |key| Some(self.rows.get(self.keys.get(key)?)?.row.clone());
        keys.iter().map(row).collect()
    }

    pub(super) fn parked(&self) -> Vec<ParkedRows> {
        let mut parked: BTreeMap<ParkCode, ParkedRows> = BTreeMap::new();
        for Row { state, created, .. } in self.rows.values().map(|entry| &entry.row) {
            let RowState::Parked { reason } = state else {
                continue;
            };
            let of_code = parked.entry(reason.code).or_insert(ParkedRows {
                code: reason.code,
                rows: 0,
                oldest: *created,
            });
            of_code.rows += 1;
            of_code.oldest = of_code.oldest.min(*created);
        }
        parked.into_values().collect()
    }

    pub(super) fn depth(&self) -> QueueDepth {
        let mut depth = QueueDepth::default();
        for Row { state, created, .. } in self.rows.values().map(|entry| &entry.row) {
            match state {
                RowState::Waiting { .. } | RowState::Claimed { .. } => {
                    depth.waiting += 1;
                    let oldest = depth.oldest.get_or_insert(*created);
                    *oldest = (*oldest).min(*created);
                }
                RowState::Parked { .. } => depth.parked += 1,
                RowState::Shadow => depth.shadow += 1,
                RowState::Sent { .. } => {}
            }
        }
        depth
    }

    pub(super) fn list(&self, which: ListState, after: Option<RowId>, limit: usize) -> Vec<Row> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.rows.range((start, Bound::Unbounded));
        later
            .map(|(_, entry)| entry)
            .filter(|entry| entry.is_listed_as(which))
            .take(limit)
            .map(|entry| entry.row.clone())
            .collect()
    }
}
