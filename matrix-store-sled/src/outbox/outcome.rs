//! What became of rows, for the host to read.

use matrix_bridge_core::{
    Counted, Outcome, OutcomeCursor, OutcomeResult, ParkReason, RowKey, Timestamp,
    ruma::OwnedEventId,
};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, count, last_number},
};

/// The name of their count.
pub(crate) const COUNT: &str = "outcomes";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Held {
    key: RowKey,
    at: Timestamp,
    result: End,
}

#[derive(Debug, Deserialize, Serialize)]
enum End {
    Sent(Option<OwnedEventId>),
    Parked(ParkReason),
}

impl Held {
    pub(crate) fn into_outcome(self, cursor: OutcomeCursor) -> Outcome {
        Outcome {
            cursor,
            key: self.key,
            at: self.at,
            result: match self.result {
                End::Sent(event) => OutcomeResult::Sent(event),
                End::Parked(reason) => OutcomeResult::Parked(reason),
            },
        }
    }
}

pub(super) fn push(
    view: &mut View,
    key: RowKey,
    at: Timestamp,
    result: OutcomeResult,
) -> Result<(), Fault> {
    let cursor = OutcomeCursor(count::next(view, Counted::Outcomes)?);
    let outcome = Outcome {
        cursor,
        key,
        at,
        result,
    };
    insert(view, outcome)
}

/// Takes in an outcome that has a cursor.
pub(crate) fn insert(view: &mut View, outcome: Outcome) -> Result<(), Fault> {
    let Outcome {
        cursor,
        key,
        at,
        result,
    } = outcome;
    let result = match result {
        OutcomeResult::Sent(event) => End::Sent(event),
        OutcomeResult::Parked(reason) => End::Parked(reason),
    };
    view.set(by_age(at, cursor), &[]);
    view.put(&place(cursor), &Held { key, at, result })?;
    count::add(view, count::key(COUNT))
}

pub(crate) fn list(view: &View, after: OutcomeCursor, most: usize) -> Result<Vec<Outcome>, Fault> {
    let after = after.0.to_be_bytes();
    let later = view.scan(&Key::of(Table::Outcome), Some(&after)).take(most);
    later
        .map(|pair| {
            let cursor = OutcomeCursor(last_number(&pair?.0)?);
            let held: Held = view.read_known(&place(cursor))?;
            Ok(held.into_outcome(cursor))
        })
        .collect()
}

/// Forgets one.
pub(super) fn remove(view: &mut View, cursor: OutcomeCursor) -> Result<(), Fault> {
    let held: Held = view.read_known(&place(cursor))?;
    view.remove(by_age(held.at, cursor));
    view.remove_record(&place(cursor))?;
    count::subtract(view, count::key(COUNT))?;
    Ok(())
}

fn place(cursor: OutcomeCursor) -> Key {
    Key::of(Table::Outcome).number(cursor.0)
}

fn by_age(at: Timestamp, cursor: OutcomeCursor) -> Key {
    Key::of(Table::OutcomeByAge).time(at).number(cursor.0)
}
