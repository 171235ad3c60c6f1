//! A row of the table, read back.

use matrix_bridge_core::{
    ClaimToken, EndpointClass, Identity, LaneId, ParkCode, ParkReason, RowId, RowKey, RowState,
    ruma::{OwnedDeviceId, OwnedEventId, OwnedTransactionId, OwnedUserId},
};
use tokio_postgres::Row;

use super::state;
use crate::{
    fault::{Fault, Reason},
    fields::Fields,
};

/// The columns that [`read`] needs, as text for the statements.
macro_rules! columns {
    () => {
        "id, state, token, due, attempts, first_attempt, created, settled, event_id, park_code, \
         park_detail, class, sender, device, transaction_id, lane_name, key_name, body"
    };
}
pub(crate) use columns;

pub(crate) fn read(row: &Row) -> Result<matrix_bridge_core::Row, Fault> {
    let fields = Fields::new(row, "outbox");
    Ok(matrix_bridge_core::Row {
        id: RowId(fields.number("id")?),
        key: RowKey::new(fields.text("key_name")?),
        lane: LaneId::new(fields.text("lane_name")?),
        sender: Identity {
            user: fields.parse("sender", OwnedUserId::try_from)?,
            device: fields.optional_text("device")?.map(OwnedDeviceId::from),
        },
        class: fields.name("class", EndpointClass::from_name)?,
        transaction_id: OwnedTransactionId::from(fields.text("transaction_id")?),
        body: fields.value("body")?,
        created: fields.time("created")?,
        attempts: fields.small("attempts")?,
        first_attempt: fields.optional_time("first_attempt")?,
        state: row_state(&fields)?,
    })
}

fn row_state(fields: &Fields<'_>) -> Result<RowState, Fault> {
    Ok(match fields.get::<i16>("state")? {
        state::WAITING => match fields.get::<Option<i64>>("token")? {
            Some(_) => RowState::Claimed {
                token: ClaimToken(fields.number("token")?),
            },
            None => RowState::Waiting {
                due: fields.time("due")?,
            },
        },
        state::PARKED => RowState::Parked {
            reason: ParkReason {
                code: fields.name("park_code", ParkCode::from_name)?,
                detail: fields.text("park_detail")?,
            },
        },
        state::SHADOW => RowState::Shadow,
        state::SENT => RowState::Sent {
            event_id: fields.parse_optional("event_id", OwnedEventId::try_from)?,
        },
        _ => {
            let reason = Reason("the state is not known to this version");
            return Err(fields.corrupt("state", reason));
        }
    })
}
