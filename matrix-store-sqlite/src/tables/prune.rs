//! Forgetting what is past its age or count.

use matrix_bridge_core::{PruneLimits, Pruned};

use super::parked;
use crate::{fault::Fault, marks, outbox, writer::Work};

/// How many rows of each kind one call removes at most.
const AT_ONCE: u64 = 10_000;

/// Gives some of the free pages back to the disk: 4 MB at most.
const SHRINK: &str = "PRAGMA incremental_vacuum(1000)";

pub(crate) fn prune(work: &mut Work<'_>, limits: PruneLimits) -> Result<Pruned, Fault> {
    let PruneLimits {
        marks_before,
        marks_max,
        records_before,
        records_max,
        parked_events_max,
        parked_rows_max,
    } = limits;
    let connection = work.connection;
    let removed = marks::prune(connection, work.marks, marks_before, marks_max)?;
    let marks = removed.len() as u64;
    let records = outbox::prune::records(connection, records_before, records_max, AT_ONCE)?;
    let parked_rows = outbox::prune::parked(connection, parked_rows_max, AT_ONCE)?;
    let parked_events = parked::prune(connection, parked_events_max, AT_ONCE)?;
    let outcomes = outbox::prune::outcomes(connection, records_before, records_max, AT_ONCE)?;
    let most = [records, parked_rows, parked_events, outcomes]
        .into_iter()
        .max();
    let pruned = Pruned {
        marks,
        records,
        parked_events,
        parked_rows,
        has_more: marks >= marks::PRUNED_AT_ONCE || most >= Some(AT_ONCE),
    };
    work.staged.removed = removed;
    // Each step of the statement frees one page.
    let mut statement = connection.prepare_cached(SHRINK)?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    Ok(pruned)
}
