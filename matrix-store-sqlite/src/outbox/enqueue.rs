//! Rows on their way in.

use matrix_bridge_core::{
    Disposition, Identity, NewRow, OutcomeResult, ParkReason, RowId, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{lane, outcome, state};
use crate::{fault::Fault, fields::time, json};

/// A key that is there in any state changes nothing, and then there is no id.
const INSERT: &str = "\
    INSERT INTO outbox (state, due, created, settled, park_code, park_detail, class, sender, \
    device, transaction_id, lane, key, body) \
    VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
    ON CONFLICT (key) DO NOTHING RETURNING id";

/// Takes a row in.
pub(crate) fn row(connection: &Connection, row: &NewRow, now: Timestamp) -> Result<(), Fault> {
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
        Disposition::Park(reason) => (state::PARKED, None, Some(reason)),
    };
    let mut statement = connection.prepare_cached(INSERT)?;
    let id: Option<i64> = statement
        .query_row(
            params![
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
                json::encode(body)?,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(id) = id else {
        return Ok(());
    };
    match disposition {
        Disposition::Send => lane::append(connection, RowId(id.unsigned_abs()), row),
        Disposition::Shadow => Ok(()),
        Disposition::Park(reason) => {
            let result = OutcomeResult::Parked(reason.clone());
            outcome::push(connection, key, now, &result)
        }
    }
}
