//! The lanes that have waiting rows: their first row, and when they can be claimed.
//!
//! A claim looks at this table only, so its cost does not grow with the backlog. A lane's
//! row here is also what processes wait for each other at: whoever changes rows of a lane
//! has it locked before. Locks are taken in the order of the lanes, so that no two wait
//! for each other.

use std::collections::BTreeMap;

use matrix_bridge_core::{LaneId, Timestamp};

use crate::{
    fault::Fault,
    fields::time,
    session::Tx,
    text::{digest, encode},
};

/// Also lanes without rows get theirs, for the time of the transaction.
const LOCK: &str = "\
    INSERT INTO lane (lane) SELECT lane FROM unnest($1::bytea[]) AS wanted (lane) ORDER BY lane \
    ON CONFLICT (lane) DO UPDATE SET lane = excluded.lane";
const LOCK_OF_ROWS: &str = "\
    SELECT lane FROM lane WHERE lane IN (SELECT lane FROM outbox WHERE id = ANY ($1)) \
    ORDER BY lane FOR UPDATE";
const LANES_OF_ROWS: &str = "SELECT DISTINCT lane FROM outbox WHERE id = ANY ($1)";
/// What the first row is, and when the lane can be claimed. A claim holds the lane while
/// any of its rows is under it.
const REFRESH: &str = "\
    UPDATE lane SET head = seen.head, sender = seen.sender, class = seen.class, \
        freed = CASE WHEN seen.is_claimed THEN lane.freed \
            ELSE coalesce(seen.settled, lane.freed) END, \
        ready = CASE WHEN seen.blocking < seen.head THEN NULL \
            WHEN seen.is_claimed THEN greatest(seen.due, lane.held, lane.freed) \
            ELSE greatest(seen.due, coalesce(seen.settled, lane.freed)) END, \
        token = CASE WHEN seen.is_claimed THEN lane.token END, \
        worker = CASE WHEN seen.is_claimed THEN lane.worker END, \
        held = CASE WHEN seen.is_claimed THEN lane.held END, \
        until = CASE WHEN seen.is_claimed THEN lane.until END \
    FROM ( \
        SELECT wanted.lane, wanted.settled, head.id AS head, head.due, head.sender, head.class, \
            EXISTS (SELECT 1 FROM outbox WHERE token = held.token) AS is_claimed, \
            (SELECT min(id) FROM outbox AS parked \
                WHERE parked.lane = wanted.lane AND state = 1 AND blocks) AS blocking \
        FROM unnest($1::bytea[], $2::bigint[]) AS wanted (lane, settled) \
        JOIN lane AS held ON held.lane = wanted.lane \
        CROSS JOIN LATERAL ( \
            SELECT id, due, sender, class FROM outbox \
            WHERE outbox.lane = wanted.lane AND state = 0 ORDER BY id LIMIT 1 \
        ) AS head \
    ) AS seen WHERE lane.lane = seen.lane";
const REMOVE_EMPTY: &str = "\
    DELETE FROM lane WHERE lane = ANY ($1) AND NOT EXISTS ( \
        SELECT 1 FROM outbox WHERE outbox.lane = lane.lane AND state = 0)";
const OF_WORKERS: &str = "\
    SELECT lane, token FROM lane WHERE worker = ANY ($1) AND token IS NOT NULL \
    ORDER BY lane FOR UPDATE";
const END_ROWS: &str = "UPDATE outbox SET token = NULL WHERE token = ANY ($1)";
const END_LANES: &str = "\
    UPDATE lane SET token = NULL, worker = NULL, held = NULL, until = NULL, \
        ready = CASE WHEN ready IS NULL THEN NULL ELSE \
            (SELECT greatest(due, freed) FROM outbox WHERE id = head) END \
    WHERE lane = ANY ($1)";

/// The columns of a lane.
pub(crate) fn of(lane: &LaneId) -> Vec<u8> {
    digest(&[lane.as_str()])
}

/// The lane's name in a row.
pub(crate) fn name(lane: &LaneId) -> String {
    encode(lane.as_str()).into_owned()
}

/// Keeps other processes from these lanes until the transaction ends.
pub(super) async fn lock(tx: &Tx<'_>, lanes: &[Vec<u8>]) -> Result<(), Fault> {
    tx.run(LOCK, &[&lanes]).await?;
    Ok(())
}

/// The same for the lanes of rows that are in them.
pub(super) async fn lock_of(tx: &Tx<'_>, rows: &[i64]) -> Result<(), Fault> {
    tx.rows(LOCK_OF_ROWS, &[&rows]).await?;
    Ok(())
}

/// The same for the lanes of rows that may be in no lane any more.
pub(super) async fn lock_of_parked(tx: &Tx<'_>, rows: &[i64]) -> Result<(), Fault> {
    let lanes = of_rows(tx, rows).await?;
    lock(tx, &lanes).await
}

/// The lanes of rows.
pub(super) async fn of_rows(tx: &Tx<'_>, rows: &[i64]) -> Result<Vec<Vec<u8>>, Fault> {
    let found = tx.rows(LANES_OF_ROWS, &[&rows]).await?;
    found.iter().map(|row| Ok(row.try_get("lane")?)).collect()
}

/// Finds out anew what the first rows of locked lanes are; the time is when a row of the
/// lane was settled last, if that is what changed.
pub(super) async fn refresh(
    tx: &Tx<'_>,
    lanes: &BTreeMap<Vec<u8>, Option<Timestamp>>,
) -> Result<(), Fault> {
    if lanes.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lanes.keys().collect();
    let settled: Vec<_> = lanes.values().map(|at| at.map(time)).collect();
    tx.run(REFRESH, &[&names, &settled]).await?;
    tx.run(REMOVE_EMPTY, &[&names]).await?;
    Ok(())
}

/// Ends all claims of processes that are gone; the rows under them wait for their turn as
/// before.
pub(crate) async fn end_claims(tx: &Tx<'_>, workers: &[i64]) -> Result<(), Fault> {
    if workers.is_empty() {
        return Ok(());
    }
    let (mut lanes, mut tokens) = (Vec::new(), Vec::new());
    for row in tx.rows(OF_WORKERS, &[&workers]).await? {
        lanes.push(row.try_get::<_, Vec<u8>>("lane")?);
        tokens.push(row.try_get::<_, i64>("token")?);
    }
    tx.run(END_ROWS, &[&tokens]).await?;
    tx.run(END_LANES, &[&lanes]).await?;
    Ok(())
}
