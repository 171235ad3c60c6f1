//! Forgetting what is past its age or count.

use matrix_bridge_core::{PruneLimits, Pruned};

use super::{mark, parked};
use crate::{fault::Fault, outbox::prune, tree::View};

/// How much of each other kind one call removes at most: while it goes to disk nobody
/// else has his turn.
const AT_ONCE: u64 = 2_000;

pub(crate) fn all(view: &mut View, limits: PruneLimits) -> Result<Pruned, Fault> {
    let PruneLimits {
        marks_before,
        marks_max,
        records_before,
        records_max,
        parked_events_max,
        parked_rows_max,
    } = limits;
    let (marks, has_more_marks) = mark::prune(view, marks_before, marks_max)?;
    let records = prune::records(view, records_before, records_max, AT_ONCE)?;
    let parked_rows = prune::parked(view, parked_rows_max, AT_ONCE)?;
    let parked_events = parked::prune(view, parked_events_max, AT_ONCE)?;
    let outcomes = prune::outcomes(view, records_before, records_max, AT_ONCE)?;
    let most = [records, parked_rows, parked_events, outcomes]
        .into_iter()
        .max();
    Ok(Pruned {
        marks,
        records,
        parked_events,
        parked_rows,
        has_more: has_more_marks || most >= Some(AT_ONCE),
    })
}
