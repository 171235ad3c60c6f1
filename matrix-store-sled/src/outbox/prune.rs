//! Forgetting rows that are done.

use matrix_bridge_core::{OutcomeCursor, RowId, Timestamp};

use super::{head::Standing, outcome, row};
use crate::{
    fault::{Fault, Reason},
    tree::{Key, Table, View, corrupt, count, last_number, number},
};

/// Removes sent rows and shadow rows from before `before` and the oldest of those beyond
/// `max`, `at_once` of each kind at most. Returns how many.
pub(crate) fn records(
    view: &mut View,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let mut removed = 0;
    for kind in [Standing::Sent, Standing::Shadow] {
        let excess = view.number(&kind.count())?.saturating_sub(max);
        removed += rows(view, &kind.settled(), before, excess, at_once)?;
    }
    Ok(removed)
}

/// Removes the oldest of the parked rows beyond `max` that do not block their lane.
/// Returns how many.
pub(crate) fn parked(view: &mut View, max: u64, at_once: u64) -> Result<u64, Fault> {
    let excess = view.number(&Standing::Parked.count())?.saturating_sub(max);
    // Those that block their lane are in no order of age: they stay.
    let oldest = Standing::Parked.settled();
    rows(view, &oldest, Timestamp(0), excess, at_once)
}

/// Removes outcomes in the same way. Returns how many.
pub(crate) fn outcomes(
    view: &mut View,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let by_age = Key::of(Table::OutcomeByAge);
    let old = oldest(view, &by_age, before, 0, at_once)?;
    for cursor in &old {
        outcome::remove(view, OutcomeCursor(*cursor))?;
    }
    let left = at_once.saturating_sub(old.len() as u64);
    let excess = count::of(view, outcome::COUNT)?.saturating_sub(max);
    let excess = view
        .scan(&Key::of(Table::Outcome), None)
        .take(usize::try_from(excess.min(left)).unwrap_or(usize::MAX))
        .map(|pair| last_number(&pair?.0))
        .collect::<Result<Vec<_>, _>>()?;
    for cursor in &excess {
        outcome::remove(view, OutcomeCursor(*cursor))?;
    }
    Ok((old.len() + excess.len()) as u64)
}

/// Removes rows in the order of `by_age`.
fn rows(
    view: &mut View,
    by_age: &Key,
    before: Timestamp,
    excess: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let going = oldest(view, by_age, before, excess, at_once)?;
    for id in &going {
        let head = row::known_head(view, RowId(*id))?;
        row::remove(view, RowId(*id), &head)?;
    }
    Ok(going.len() as u64)
}

/// The numbers of what is from before `before`, and of the first `excess` in any case.
fn oldest(
    view: &View,
    by_age: &Key,
    before: Timestamp,
    excess: u64,
    at_once: u64,
) -> Result<Vec<u64>, Fault> {
    let start = by_age.as_bytes().len();
    let mut found = Vec::new();
    let mut all = view.scan(by_age, None);
    while (found.len() as u64) < at_once
        && let Some(pair) = all.next()
    {
        let (key, _) = pair?;
        let at = key.get(start..start + size_of::<u64>());
        let at = at.ok_or_else(|| corrupt(&key, Reason("the key is too short")))?;
        if Timestamp(number(&key, at)?) >= before && found.len() as u64 >= excess {
            break;
        }
        found.push(last_number(&key)?);
    }
    Ok(found)
}
