//! How much there is, and what.

use matrix_bridge_core::{
    ListState, ParkCode, ParkedRows, QueueDepth, Row, RowId, RowKey, Timestamp,
};

use super::{
    head::{Standing, parked_by_age, parked_count},
    row,
};
use crate::{
    fault::{Fault, Reason},
    tree::{Key, Table, View, corrupt, number},
};

pub(crate) fn depth(view: &View) -> Result<QueueDepth, Fault> {
    Ok(QueueDepth {
        waiting: view.number(&Standing::Waiting.count())?,
        oldest: oldest(view, &Key::of(Table::WaitingByAge))?,
        parked: view.number(&Standing::Parked.count())?,
        shadow: view.number(&Standing::Shadow.count())?,
    })
}

pub(crate) fn list(
    view: &View,
    which: ListState,
    after: Option<RowId>,
    most: usize,
) -> Result<Vec<Row>, Fault> {
    let standing = match which {
        ListState::Waiting => Standing::Waiting,
        ListState::Parked => Standing::Parked,
        ListState::Blocking => Standing::Blocking,
        ListState::Shadow => Standing::Shadow,
        ListState::Sent => Standing::Sent,
    };
    let after = after.map(|id| id.0.to_be_bytes());
    let after = after.as_ref().map(|id| &id[..]);
    let rows = view.scan(&standing.rows(), after).take(most);
    rows.map(|pair| row::row(view, row::id_in(&pair?.0)?))
        .collect()
}

/// The rows of these keys, in their order.
pub(crate) fn rows(view: &View, keys: &[RowKey]) -> Result<Vec<Option<Row>>, Fault> {
    let row = |key| match row::id(view, key)? {
        Some(id) => row::row(view, id).map(Some),
        None => Ok(None),
    };
    keys.iter().map(row).collect()
}

/// How many rows are parked, by reason.
pub(crate) fn parked(view: &View) -> Result<Vec<ParkedRows>, Fault> {
    let mut parked = Vec::new();
    for code in ParkCode::ALL {
        let rows = view.number(&parked_count(code.as_str()))?;
        if let Some(oldest) = oldest(view, &parked_by_age(code.as_str()))? {
            parked.push(ParkedRows { code, rows, oldest });
        }
    }
    Ok(parked)
}

/// The first time in that order.
fn oldest(view: &View, by_age: &Key) -> Result<Option<Timestamp>, Fault> {
    let Some((key, _)) = view.first(by_age)? else {
        return Ok(None);
    };
    let start = by_age.as_bytes().len();
    let at = key.get(start..start + size_of::<u64>());
    let at = at.ok_or_else(|| corrupt(&key, Reason("the key is too short")))?;
    number(&key, at).map(|at| Some(Timestamp(at)))
}
