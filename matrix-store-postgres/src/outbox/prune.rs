//! Forgetting rows that are done.

use matrix_bridge_core::Timestamp;

use super::state;
use crate::{
    fault::Fault,
    fields::{number, time},
    session::Tx,
    tables::tally,
};

const RECORDS_BEFORE: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE state = $1 AND settled IS NOT NULL AND settled < $2 \
        ORDER BY settled, id LIMIT $3 FOR UPDATE SKIP LOCKED)";
const OLDEST_RECORDS: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE state = $1 AND settled IS NOT NULL \
        ORDER BY settled, id LIMIT $2 FOR UPDATE SKIP LOCKED)";
const OUTCOMES_BEFORE: &str = "\
    DELETE FROM outcome WHERE id IN ( \
        SELECT id FROM outcome WHERE at < $1 ORDER BY at, id LIMIT $2 FOR UPDATE SKIP LOCKED)";
const OLDEST_OUTCOMES: &str = "\
    DELETE FROM outcome WHERE id IN ( \
        SELECT id FROM outcome ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)";
/// Those that block their lane stay.
const OLDEST_PARKED: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE state = 1 AND NOT blocks \
        ORDER BY settled, id LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Removes sent rows and shadow rows from before `before` and the oldest of those beyond
/// `max`, of each kind. Returns how many.
pub(crate) async fn records(
    tx: &Tx<'_>,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let mut removed = 0;
    for (state, kind) in [(state::SENT, "sent"), (state::SHADOW, "shadow")] {
        let limit = number(at_once);
        removed += tx
            .run(RECORDS_BEFORE, &[&state, &time(before), &limit])
            .await?;
        let excess = tally::count(tx, kind).await?.saturating_sub(max);
        if excess > 0 {
            let excess = number(excess.min(at_once));
            removed += tx.run(OLDEST_RECORDS, &[&state, &excess]).await?;
        }
    }
    Ok(removed)
}

/// Removes outcomes in the same way. Returns how many.
pub(crate) async fn outcomes(
    tx: &Tx<'_>,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let mut removed = tx
        .run(OUTCOMES_BEFORE, &[&time(before), &number(at_once)])
        .await?;
    let excess = tally::count(tx, "outcome").await?.saturating_sub(max);
    if excess > 0 {
        removed += tx
            .run(OLDEST_OUTCOMES, &[&number(excess.min(at_once))])
            .await?;
    }
    Ok(removed)
}

/// Removes the oldest of the parked rows beyond `max` that do not block their lane.
/// Returns how many.
pub(crate) async fn parked(tx: &Tx<'_>, max: u64, at_once: u64) -> Result<u64, Fault> {
    let blocking = tally::count(tx, "blocking").await?;
    let others = tally::count(tx, "parked").await?.saturating_sub(blocking);
    let excess = others.saturating_sub(max.saturating_sub(blocking));
    match excess.min(at_once) {
        0 => Ok(0),
        excess => tx.run(OLDEST_PARKED, &[&number(excess)]).await,
    }
}
