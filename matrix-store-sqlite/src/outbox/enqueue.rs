//! Rows on their way in.

use matrix_bridge_core::{
    Disposition, Identity, NewRow, OrderPolicy, OutcomeResult, ParkReason, RowId, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{lane, outcome, state};
use crate::{
    fault::Fault,
    fields::{number, time},
    json,
};

/// A key that is there in any state changes nothing, and then there is no id.
const INSERT: &str = "\
    INSERT INTO outbox (id, state, due, created, settled, park_code, park_detail, class, \
    sender, device, transaction_id, lane, key, blocks, body) \
    VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
    ON CONFLICT (key) DO NOTHING RETURNING id";

/// Takes a row in, at the end of its lane.
pub(crate) fn row(connection: &Connection, row: &NewRow, now: Timestamp) -> Result<(), Fault> {
    match insert(connection, None, row, now)? {
        Some(id) if row.disposition == Disposition::Send => lane::append(connection, id, row),
        _ => Ok(()),
    }
}

/// Writes a row, under a new id if none is given, with its outcome if it has one already.
/// `None` where its key is taken.
pub(super) fn insert(
    connection: &Connection,
    id: Option<RowId>,
    row: &NewRow,
    now: Timestamp,
) -> Result<Option<RowId>, Fault> {
    let NewRow {
        key,
        lane,
        sender: Identity { user, device },
        class,
        transaction_id,
        body,
        disposition,
        created,
    } = row;
    let (state, settled, reason) = match disposition {
        Disposition::Send => (state::WAITING, None, None),
        Disposition::Shadow => (state::SHADOW, Some(time(now)), None),
        Disposition::Park(reason) => (state::PARKED, Some(time(now)), Some(reason)),
    };
    let mut statement = connection.prepare_cached(INSERT)?;
    let id: Option<i64> = statement
        .query_row(
            params![
                id.map(|id| number(id.0)),
                state,
                time(*created),
                settled,
                reason.map(|ParkReason { code, .. }| code.as_str()),
                reason.map(|ParkReason { detail, .. }| detail),
                class.as_str(),
                user.as_str(),
                device.as_ref().map(|device| device.as_str()),
                transaction_id.as_str(),
                lane.as_str(),
                key.as_str(),
                body.order == OrderPolicy::Block,
                json::encode(body)?,
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let (Some(_), Some(reason)) = (id, reason) {
        let result = OutcomeResult::Parked(reason.clone());
        outcome::push(connection, key, now, &result)?;
    }
    Ok(id.map(|id| RowId(id.unsigned_abs())))
}
