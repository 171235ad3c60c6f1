//! How much there is, and what.

use matrix_bridge_core::{ListState, ParkCode, ParkedRows, QueueDepth, Row, RowId, RowKey};
use rusqlite::{Connection, params};

use super::{row, state};
use crate::{
    fault::Fault,
    fields::{Fields, limit, number},
};

const COUNT: &str = "SELECT state, rows FROM outbox_count WHERE state = ?1";
/// Left to itself, SQLite sorts all waiting rows.
pub(super) const OLDEST: &str = "\
    SELECT id, created FROM outbox INDEXED BY outbox_oldest WHERE state = 0 \
    ORDER BY created LIMIT 1";
pub(super) const LIST: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
);
/// One row of a lane at most blocks it: there are few.
pub(super) const BLOCKING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox INDEXED BY outbox_blocking WHERE state = 1 AND blocks = 1 AND id > ?1 \
     ORDER BY id LIMIT ?2"
);

pub(super) const BY_KEY: &str = concat!("SELECT ", row::columns!(), " FROM outbox WHERE key = ?1");
pub(super) const PARKED: &str = "\
    SELECT code, sum(rows) AS rows, \
    (SELECT min(created) FROM outbox WHERE state = 1 AND park_code = code) AS oldest \
    FROM parked_count WHERE rows > 0 GROUP BY code";

pub(crate) fn depth(connection: &Connection) -> Result<QueueDepth, Fault> {
    let mut statement = connection.prepare_cached(OLDEST)?;
    let mut rows = statement.query([])?;
    let oldest = match rows.next()? {
        Some(row) => Some(Fields::new(row, "outbox").time("created")?),
        None => None,
    };
    Ok(QueueDepth {
        waiting: count(connection, state::WAITING)?,
        oldest,
        parked: count(connection, state::PARKED)?,
        shadow: count(connection, state::SHADOW)?,
    })
}

pub(crate) fn list(
    connection: &Connection,
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
    let mut statement = connection.prepare_cached(state.map_or(BLOCKING, |_| LIST))?;
    let mut rows = match state {
        Some(state) => statement.query(params![state, after, limit(most)])?,
        None => statement.query(params![after, limit(most)])?,
    };
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(row::read(&Fields::new(row, "outbox"))?);
    }
    Ok(list)
}

/// The rows of these keys, in their order.
pub(crate) fn rows(connection: &Connection, keys: &[RowKey]) -> Result<Vec<Option<Row>>, Fault> {
    let mut statement = connection.prepare_cached(BY_KEY)?;
    let mut list = Vec::with_capacity(keys.len());
    for key in keys {
        let mut rows = statement.query([key.as_str()])?;
        let found = rows.next()?;
        list.push(
            found
                .map(|row| row::read(&Fields::new(row, "outbox")))
                .transpose()?,
        );
    }
    Ok(list)
}

/// How many rows are parked, by reason.
pub(crate) fn parked(connection: &Connection) -> Result<Vec<ParkedRows>, Fault> {
    let mut statement = connection.prepare_cached(PARKED)?;
    let mut rows = statement.query([])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "parked_count");
        list.push(ParkedRows {
            code: fields.name("code", ParkCode::from_name)?,
            rows: fields.number("rows")?,
            oldest: fields.time("oldest")?,
        });
    }
    let order = |parked: &ParkedRows| ParkCode::ALL.iter().position(|code| *code == parked.code);
    list.sort_by_key(order);
    Ok(list)
}

/// How many rows are in that state.
pub(super) fn count(connection: &Connection, state: i64) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(COUNT)?;
    let mut rows = statement.query([state])?;
    match rows.next()? {
        Some(row) => Fields::new(row, "outbox_count").number("rows"),
        None => Err(rusqlite::Error::QueryReturnedNoRows.into()),
    }
}
