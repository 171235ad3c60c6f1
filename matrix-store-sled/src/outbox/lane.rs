//! The lanes that have waiting rows: their first row, and when they can be claimed.
//!
//! A claim looks at these only, so its cost does not grow with the backlog.

use matrix_bridge_core::{LaneId, RowId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    head::{Head, kind_of},
    row,
};
use crate::{
    fault::Fault,
    tree::{Key, Table, View},
};

/// What is known of a lane.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Lane {
    pub(super) lane: LaneId,
    /// Its first row.
    head: RowId,
    /// When it can be claimed; `None` behind a row that blocks it.
    ready: Option<Timestamp>,
    /// When the last claim on it was settled.
    freed: Option<Timestamp>,
    /// When its claim runs out, if it is under one.
    until: Option<Timestamp>,
    /// The digest of who sends the first row, and as what.
    kind: [u8; 16],
}

/// Finds out anew what the lane's first row is, after rows of it have changed; `settled`
/// is when one was settled last, if that is what changed.
pub(crate) fn refresh(
    view: &mut View,
    lane: &LaneId,
    settled: Option<Timestamp>,
) -> Result<(), Fault> {
    write(view, lane, settled, None)
}

/// The same, after rows of it were claimed until then.
pub(super) fn claimed(view: &mut View, lane: &LaneId, until: Timestamp) -> Result<(), Fault> {
    write(view, lane, None, Some(until))
}

fn write(
    view: &mut View,
    lane: &LaneId,
    settled: Option<Timestamp>,
    claimed: Option<Timestamp>,
) -> Result<(), Fault> {
    let key = Key::of(Table::Lane).lane(lane);
    let former: Option<Lane> = view.read(&key)?;
    for key in former.iter().flat_map(orders) {
        view.remove(key);
    }
    let Some(id) = first(view, &rows(lane))? else {
        return view.remove_record(&key);
    };
    let head = row::known_head(view, id)?;
    // A claim holds the lane while any of its rows is under it.
    let is_claimed = first(view, &claimed_rows(lane))?.is_some();
    let until = claimed.or(former.as_ref().and_then(|former| former.until));
    let until = until.filter(|_| is_claimed);
    let former_freed = former.and_then(|former| former.freed);
    let freed = settled.filter(|_| !is_claimed).or(former_freed);
    let is_blocked = first_blocking(view, lane)?.is_some_and(|blocking| blocking < id);
    let ready = [Some(head.due), until, freed].into_iter().flatten().max();
    let present = Lane {
        lane: lane.clone(),
        head: id,
        ready: ready.filter(|_| !is_blocked),
        freed,
        until,
        kind: kind(&head),
    };
    let value = [lane_digest(&key), &present.kind].concat();
    for key in orders(&present) {
        view.set(key, value.as_slice());
    }
    view.put(&key, &present)
}

/// The first row for which the lane waits.
pub(super) fn first_blocking(view: &View, lane: &LaneId) -> Result<Option<RowId>, Fault> {
    first(view, &Key::of(Table::LaneBlocking).lane(lane))
}

/// The rows of a lane, in its order.
pub(super) fn rows(lane: &LaneId) -> Key {
    Key::of(Table::LaneRow).lane(lane)
}

/// Those of them that are under a claim.
pub(super) fn claimed_rows(lane: &LaneId) -> Key {
    Key::of(Table::LaneClaimed).lane(lane)
}

fn first(view: &View, rows: &Key) -> Result<Option<RowId>, Fault> {
    let first = view.first(rows)?;
    first.map(|(key, _)| row::id_in(&key)).transpose()
}

fn kind(head: &Head) -> [u8; 16] {
    *kind_of(head.sender.user.as_str(), head.class).as_bytes()
}

/// The keys under which the lane is found when something is to be claimed.
fn orders(lane: &Lane) -> Vec<Key> {
    let Some(ready) = lane.ready else {
        return Vec::new();
    };
    // No turn since it last had no rows.
    let is_new = lane.freed.is_none() && lane.until.is_none();
    let newcomer = is_new.then_some(Table::Newcomer);
    let tables = [Table::Ready].into_iter().chain(newcomer);
    tables
        .map(|table| Key::of(table).time(ready).number(lane.head.0))
        .collect()
}

/// What stands for the lane in its key.
fn lane_digest(key: &Key) -> &[u8] {
    &key.as_bytes()[1..]
}
