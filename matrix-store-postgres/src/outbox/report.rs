//! How much there is, and what.

use std::collections::BTreeMap;

use matrix_bridge_core::{ListState, QueueDepth, Row, RowId, RowKey};

use super::{row, state};
use crate::{
    fault::Fault,
    fields::{Fields, limit, number},
    session::Session,
    tables::tally,
    text::digest,
};

const OLDEST: &str = "SELECT created FROM outbox WHERE state = 0 ORDER BY created LIMIT 1";
const LIST: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3"
);
/// One row of a lane at most blocks it: there are few.
const BLOCKING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox WHERE state = 1 AND blocks AND id > $1 ORDER BY id LIMIT $2"
);
const BY_KEY: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox WHERE key = ANY ($1)"
);

pub(crate) async fn depth(mut session: Session) -> Result<QueueDepth, Fault> {
    let counts = tally::counts(&mut session).await?;
    let rows = session.rows(OLDEST, &[]).await?;
    let oldest = rows
        .first()
        .map(|row| Fields::new(row, "outbox").time("created"));
    Ok(QueueDepth {
        waiting: counts.waiting,
        oldest: oldest.transpose()?,
        parked: counts.parked,
        shadow: counts.shadow,
    })
}

pub(crate) async fn list(
    mut session: Session,
    which: ListState,
    after: Option<RowId>,
    most: usize,
) -> Result<Vec<Row>, Fault> {
    let state = match which {
        ListState::Waiting => Some(state::WAITING),
        ListState::Parked => Some(state::PARKED),
        ListState::Blocking => None,
        ListState::Shadow => Some(state::SHADOW),
        ListState::Sent => Some(state::SENT),
    };
    let after = after.map_or(0, |id| number(id.0));
    let rows = match state {
        Some(state) => session.rows(LIST, &[&state, &after, &limit(most)]).await?,
        None => session.rows(BLOCKING, &[&after, &limit(most)]).await?,
    };
    rows.iter().map(row::read).collect()
}

/// The rows of these keys, in their order.
pub(crate) async fn rows(mut session: Session, keys: &[RowKey]) -> Result<Vec<Option<Row>>, Fault> {
    let digests: Vec<_> = keys.iter().map(|key| digest(&[key.as_str()])).collect();
    let mut found = BTreeMap::new();
    for stored in session.rows(BY_KEY, &[&digests]).await? {
        let row = row::read(&stored)?;
        found.insert(row.key.clone(), row);
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}
