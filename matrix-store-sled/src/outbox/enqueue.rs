//! Rows on their way in.

use std::collections::BTreeSet;

use matrix_bridge_core::{Counted, Disposition, NewRow, OutcomeResult, RowId, Timestamp};

use super::{
    head::{Head, State},
    lane, outcome, row,
};
use crate::{
    fault::Fault,
    tree::{View, count},
};

/// Takes rows in, at the ends of their lanes. A key that is there in any state changes
/// nothing.
pub(crate) fn rows(view: &mut View, rows: Vec<NewRow>, now: Timestamp) -> Result<(), Fault> {
    let mut lanes = BTreeSet::new();
    for new in rows {
        if row::id(view, &new.key)?.is_some() {
            continue;
        }
        let id = RowId(count::next(view, Counted::Rows)?);
        let lane = new.lane.clone();
        insert(view, id, new, now)?;
        lanes.insert(lane);
    }
    for lane in &lanes {
        lane::refresh(view, lane, None)?;
    }
    Ok(())
}

/// Writes a row under an id that nobody has, with its outcome if it has one already.
pub(super) fn insert(view: &mut View, id: RowId, new: NewRow, now: Timestamp) -> Result<(), Fault> {
    let NewRow {
        key,
        lane,
        sender,
        class,
        transaction_id,
        body,
        disposition,
        created,
    } = new;
    let state = match disposition {
        Disposition::Send => State::Waiting,
        Disposition::Shadow => State::Shadow(now),
        Disposition::Park(reason) => {
            let result = OutcomeResult::Parked(reason.clone());
            outcome::push(view, key.clone(), now, result)?;
            State::Parked(now, reason)
        }
    };
    let head = Head {
        key,
        lane,
        sender,
        class,
        transaction_id,
        order: body.order,
        created,
        attempts: 0,
        first_attempt: None,
        due: created,
        is_first_claim: false,
        state,
    };
    row::insert(view, id, &head, &body)
}
