//! Which events will not be handled again.

use std::collections::BTreeSet;

use matrix_bridge_core::{Account, Digest, Timestamp, ruma::OwnedEventId};

use super::tally;
use crate::{
    fault::Fault,
    fields::{number, time},
    session::{Session, Tx},
};

/// A room's last seen event counts as seen even if its mark was never written.
const SEEN: &str = "\
    SELECT digest FROM mark WHERE digest = ANY ($1) \
    UNION ALL SELECT last_digest FROM room WHERE last_digest = ANY ($1)";
/// A mark that is there keeps its age.
const SET: &str = "\
    INSERT INTO mark (digest, at) SELECT digest, $2 FROM unnest($1::bytea[]) AS new(digest) \
    ON CONFLICT (digest) DO NOTHING";
const BEFORE: &str = "\
    DELETE FROM mark WHERE digest IN ( \
        SELECT digest FROM mark WHERE at < $1 \
        AND NOT EXISTS (SELECT 1 FROM room WHERE last_digest = mark.digest) \
        ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)";
const OLDEST: &str = "\
    DELETE FROM mark WHERE digest IN ( \
        SELECT digest FROM mark \
        WHERE NOT EXISTS (SELECT 1 FROM room WHERE last_digest = mark.digest) \
        ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// For each of `events`, whether it has a mark.
pub(crate) async fn seen(
    mut session: Session,
    account: &Account,
    events: &[OwnedEventId],
) -> Result<Vec<bool>, Fault> {
    let digests: Vec<_> = events.iter().map(|id| of(account, id)).collect();
    let rows = session.rows(SEEN, &[&digests]).await?;
    let mut marked = BTreeSet::new();
    for row in &rows {
        marked.insert(row.try_get::<_, Vec<u8>>("digest")?);
    }
    Ok(digests
        .iter()
        .map(|digest| marked.contains(digest))
        .collect())
}

/// In the order of the digests: who sets some of the same at the same time does not wait
/// for us while we wait for them.
pub(super) async fn set(
    tx: &Tx<'_>,
    account: &Account,
    events: &[OwnedEventId],
    now: Timestamp,
) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let mut digests: Vec<_> = events.iter().map(|id| of(account, id)).collect();
    digests.sort();
    tx.run(SET, &[&digests, &time(now)]).await?;
    Ok(())
}

/// Removes marks from before `before` and the oldest of those beyond `max`, `at_once` at
/// most of each. Returns how many.
pub(super) async fn prune(
    tx: &Tx<'_>,
    before: Timestamp,
    max: u64,
    at_once: u64,
) -> Result<u64, Fault> {
    let removed = tx.run(BEFORE, &[&time(before), &number(at_once)]).await?;
    let excess = tally::count(tx, "mark").await?.saturating_sub(max);
    if excess == 0 {
        return Ok(removed);
    }
    let oldest = tx.run(OLDEST, &[&number(excess.min(at_once))]).await?;
    Ok(removed + oldest)
}

/// The column of a mark.
pub(crate) fn of(account: &Account, event: &OwnedEventId) -> Vec<u8> {
    Digest::of(account, event.as_str()).as_bytes().to_vec()
}
