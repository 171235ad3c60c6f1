//! Forgetting what is past its age or count.

use matrix_bridge_core::{PruneLimits, Pruned};

use super::{mark, parked};
use crate::{fault::Fault, outbox, session::Session};

/// How many rows of each kind one call removes at most.
const AT_ONCE: u64 = 10_000;

pub(crate) async fn prune(mut session: Session, limits: PruneLimits) -> Result<Pruned, Fault> {
    let PruneLimits {
        marks_before,
        marks_max,
        records_before,
        records_max,
        parked_events_max,
        parked_rows_max,
    } = limits;
    let tx = session.begin().await?;
    let marks = mark::prune(&tx, marks_before, marks_max, AT_ONCE).await?;
    let records = outbox::prune::records(&tx, records_before, records_max, AT_ONCE).await?;
    let parked_rows = outbox::prune::parked(&tx, parked_rows_max, AT_ONCE).await?;
    let parked_events = parked::prune(&tx, parked_events_max, AT_ONCE).await?;
    let outcomes = outbox::prune::outcomes(&tx, records_before, records_max, AT_ONCE).await?;
    tx.commit().await?;
    let all = [marks, records, parked_rows, parked_events, outcomes];
    Ok(Pruned {
        marks,
        records,
        parked_events,
        parked_rows,
        has_more: all.into_iter().any(|removed| removed >= AT_ONCE),
    })
}
