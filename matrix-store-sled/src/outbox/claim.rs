//! Handing rows to senders.

use std::collections::BTreeSet;

use matrix_bridge_core::{Claim, ClaimRequest, ClaimToken, Counted, LaneId, RowId, Timestamp};

use super::{
    head::{Head, State, kind_of},
    lane::{self, Lane},
    row,
};
use crate::{
    fault::{Fault, Reason},
    tree::{Key, Pair, Table, View, corrupt, count, number},
};

/// How many bytes a digest has.
const DIGEST: usize = matrix_bridge_core::Digest::LEN;

pub(crate) fn claim(view: &mut View, request: &ClaimRequest) -> Result<Vec<Claim>, Fault> {
    if request.rows_per_lane == 0 {
        return Ok(Vec::new());
    }
    let lanes = turns(view, request)?;
    lanes
        .into_iter()
        .map(|lane| claim_lane(view, lane, request))
        .collect()
}

/// Ends all claims; the rows under them wait for their turn as before.
pub(crate) fn end_all(view: &mut View) -> Result<(), Fault> {
    let lanes = end(view, &Key::of(Table::LaneClaimed))?;
    for lane in &lanes {
        lane::refresh(view, lane, None)?;
    }
    Ok(())
}

/// When something can next be claimed.
pub(crate) fn next_due(view: &View) -> Result<Option<Timestamp>, Fault> {
    let first = view.first(&Key::of(Table::Ready))?;
    first.map(|(key, _)| ready_at(&key)).transpose()
}

/// The lanes to claim: newcomers, the latest in front, and then those that became free
/// first.
fn turns(view: &View, request: &ClaimRequest) -> Result<Vec<LaneId>, Fault> {
    let mut turns = Turns {
        request,
        paused: request
            .paused
            .iter()
            .map(|(user, class)| *kind_of(user.as_str(), *class).as_bytes())
            .collect(),
        chosen: Vec::new(),
    };
    // The first moment that is too late; there is none after the last one.
    let end = request.now.0.checked_add(1).map(u64::to_be_bytes);
    let end = end.as_ref().map(|end| &end[..]);
    let newcomers = request.newcomers.min(request.lanes);
    let new = view.scan_back(&Key::of(Table::Newcomer), end);
    turns.take(new, newcomers)?;
    turns.take(view.scan(&Key::of(Table::Ready), None), request.lanes)?;
    let lane = |digest| {
        let lane: Lane = view.read_known(&Key::of(Table::Lane).bytes(digest))?;
        Ok(lane.lane)
    };
    turns.chosen.iter().map(|digest| lane(digest)).collect()
}

/// The lanes that are chosen so far.
struct Turns<'a> {
    request: &'a ClaimRequest,
    paused: BTreeSet<[u8; DIGEST]>,
    chosen: Vec<[u8; DIGEST]>,
}

impl Turns<'_> {
    /// Chooses lanes in that order until there are `most`.
    fn take(
        &mut self,
        mut ready: impl Iterator<Item = Result<Pair, Fault>>,
        most: usize,
    ) -> Result<(), Fault> {
        while self.chosen.len() < most
            && let Some(pair) = ready.next()
        {
            let (key, value) = pair?;
            if ready_at(&key)? > self.request.now {
                break;
            }
            let [lane, kind] = digests(&key, &value)?;
            if !self.paused.contains(&kind) && !self.chosen.contains(&lane) {
                self.chosen.push(lane);
            }
        }
        Ok(())
    }
}

fn ready_at(key: &[u8]) -> Result<Timestamp, Fault> {
    let at = key.get(1..9);
    let at = at.ok_or_else(|| corrupt(key, Reason("the key is too short")))?;
    number(key, at).map(Timestamp)
}

/// The lane, and what its first row is.
fn digests(key: &[u8], value: &[u8]) -> Result<[[u8; DIGEST]; 2], Fault> {
    match value.as_chunks() {
        ([lane, kind], []) => Ok([*lane, *kind]),
        _ => Err(corrupt(key, Reason("these are not two digests"))),
    }
}

/// Claims the first rows of a lane that is free and whose head is due.
fn claim_lane(view: &mut View, lane: LaneId, request: &ClaimRequest) -> Result<Claim, Fault> {
    let token = ClaimToken(count::next(view, Counted::Claims)?);
    // A former claim that ran out ends for all its rows, also those not taken now.
    end(view, &lane::claimed_rows(&lane))?;
    let mut rows = Vec::new();
    for (id, head) in first_rows(view, &lane, request)? {
        let claimed = Head {
            is_first_claim: head.first_attempt.is_none(),
            first_attempt: head.first_attempt.or(Some(request.now)),
            state: State::Claimed(token),
            ..head.clone()
        };
        row::change(view, id, &head, &claimed)?;
        rows.push(claimed.into_row(id, row::body(view, id)?));
    }
    lane::claimed(view, &lane, request.now + request.ttl)?;
    Ok(Claim { token, lane, rows })
}

/// The first rows of a lane, as long as they are due, of one sender and of one class.
fn first_rows(
    view: &View,
    lane: &LaneId,
    request: &ClaimRequest,
) -> Result<Vec<(RowId, Head)>, Fault> {
    let blocking = lane::first_blocking(view, lane)?;
    let mut rows: Vec<(RowId, Head)> = Vec::new();
    for pair in view
        .scan(&lane::rows(lane), None)
        .take(request.rows_per_lane)
    {
        let id = row::id_in(&pair?.0)?;
        let head = row::known_head(view, id)?;
        let is_of_run = rows.first().is_none_or(|(_, first)| {
            first.sender.user == head.sender.user && first.class == head.class
        });
        let is_blocked = blocking.is_some_and(|blocking| blocking < id);
        if !is_of_run || is_blocked || head.due > request.now {
            break;
        }
        rows.push((id, head));
    }
    Ok(rows)
}

/// Ends the claims on rows; returns the lanes that these are in.
fn end(view: &mut View, claimed: &Key) -> Result<BTreeSet<LaneId>, Fault> {
    let rows: Vec<RowId> = view
        .scan(claimed, None)
        .map(|pair| row::id_in(&pair?.0))
        .collect::<Result<_, _>>()?;
    let mut lanes = BTreeSet::new();
    for id in rows {
        let head = row::known_head(view, id)?;
        let waiting = Head {
            state: State::Waiting,
            ..head.clone()
        };
        row::change(view, id, &head, &waiting)?;
        lanes.insert(head.lane);
    }
    Ok(lanes)
}
