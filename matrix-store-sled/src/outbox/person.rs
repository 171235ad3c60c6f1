//! What a person decides about parked rows.

use std::collections::BTreeSet;

use matrix_bridge_core::{LaneId, NewRow, RowId, Timestamp};

use super::{
    enqueue,
    head::{Head, State},
    lane, row,
};
use crate::{fault::Fault, tree::View};

/// Puts parked rows back into their lanes, under their old ids: ids are the order of a
/// lane. Returns how many there were.
pub(crate) fn requeue(view: &mut View, rows: &[RowId], now: Timestamp) -> Result<u64, Fault> {
    each_parked(view, rows, |view, id, old| {
        let new = Head {
            attempts: 0,
            due: now,
            state: State::Waiting,
            ..old.clone()
        };
        row::change(view, id, old, &new)
    })
}

/// Removes parked rows for good. Returns how many there were.
pub(crate) fn discard(view: &mut View, rows: &[RowId]) -> Result<u64, Fault> {
    each_parked(view, rows, row::remove)
}

/// Puts a new row at the place of a parked one, under its id. False where that row is not
/// parked, or the new key is taken.
pub(crate) fn replace(view: &mut View, id: RowId, with: NewRow) -> Result<bool, Fault> {
    let Some(old) = parked(view, id)? else {
        return Ok(false);
    };
    if row::id(view, &with.key)?.is_some() {
        return Ok(false);
    }
    row::remove(view, id, &old)?;
    let (lane, now) = (old.lane.clone(), with.created);
    enqueue::insert(view, id, NewRow { lane, ..with }, now)?;
    lane::refresh(view, &old.lane, None)?;
    Ok(true)
}

/// Does it to those of `rows` that are parked, and then looks at their lanes.
fn each_parked(
    view: &mut View,
    rows: &[RowId],
    change: impl Fn(&mut View, RowId, &Head) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let mut changed = 0;
    let mut lanes: BTreeSet<LaneId> = BTreeSet::new();
    for id in rows {
        if let Some(head) = parked(view, *id)? {
            change(view, *id, &head)?;
            lanes.insert(head.lane);
            changed += 1;
        }
    }
    for lane in &lanes {
        lane::refresh(view, lane, None)?;
    }
    Ok(changed)
}

fn parked(view: &View, id: RowId) -> Result<Option<Head>, Fault> {
    let head = row::head(view, id)?;
    Ok(head.filter(|head| matches!(head.state, State::Parked(..))))
}
