//! What became of claimed rows.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    Action, LaneId, OutcomeResult, RowBody, RowId, Settled, Settlement, Timestamp, Verdict,
    ruma::OwnedEventId,
};

use super::{
    head::{Head, State},
    lane, outcome, row,
};
use crate::{fault::Fault, tables::link, tree::View};

/// Writes down what became of rows, in the order given.
pub(crate) fn settle(view: &mut View, settlements: Vec<Settlement>) -> Result<Settled, Fault> {
    let mut settled = Settled::default();
    // When a row of the lane was settled last; none where rows were only amended.
    let mut lanes: BTreeMap<LaneId, Option<Timestamp>> = BTreeMap::new();
    for settlement in settlements {
        let (row, at) = (settlement.row, settlement.at);
        let is_settled = !matches!(settlement.verdict, Verdict::Amend(_));
        match settle_one(view, settlement)? {
            Some(lane) if is_settled => drop(lanes.insert(lane, Some(at))),
            Some(lane) => drop(lanes.entry(lane).or_default()),
            None => settled.lost.push(row),
        }
    }
    for (lane, settled) in &lanes {
        lane::refresh(view, lane, *settled)?;
    }
    Ok(settled)
}

/// The row's lane; `None` when the row is no longer under that claim.
fn settle_one(view: &mut View, settlement: Settlement) -> Result<Option<LaneId>, Fault> {
    let Settlement {
        row: id,
        token,
        verdict,
        at,
    } = settlement;
    let Some(old) = row::head(view, id)? else {
        return Ok(None);
    };
    if !matches!(old.state, State::Claimed(held) if held == token) {
        return Ok(None);
    }
    let mut new = old.clone();
    match verdict {
        Verdict::Retry { due, counted } => {
            new.attempts = new.attempts.saturating_add(u32::from(counted));
            new.due = due;
            new.state = State::Waiting;
        }
        Verdict::Release => {
            new.first_attempt = new.first_attempt.filter(|_| !new.is_first_claim);
            new.state = State::Waiting;
        }
        Verdict::Amend(action) => amend(view, id, action)?,
        Verdict::Sent(event) => new.state = sent(view, id, &old, event, at)?,
        Verdict::Park(reason) => {
            let result = OutcomeResult::Parked(reason.clone());
            outcome::push(view, old.key.clone(), at, result)?;
            new.state = State::Parked(at, reason);
        }
        Verdict::Shadow => new.state = State::Shadow(at),
    }
    row::change(view, id, &old, &new)?;
    Ok(Some(old.lane))
}

fn amend(view: &mut View, id: RowId, action: Action) -> Result<(), Fault> {
    let body = row::body(view, id)?;
    row::set_body(view, id, &RowBody { action, ..body })
}

/// Writes down the outcome and the link of a row that was sent.
fn sent(
    view: &mut View,
    id: RowId,
    head: &Head,
    event: Option<OwnedEventId>,
    at: Timestamp,
) -> Result<State, Fault> {
    if let Some(event) = &event
        && let Some(link) = row::body(view, id)?.link
    {
        link::set(view, &link, event)?;
    }
    let result = OutcomeResult::Sent(event.clone());
    outcome::push(view, head.key.clone(), at, result)?;
    Ok(State::Sent(at, event))
}
