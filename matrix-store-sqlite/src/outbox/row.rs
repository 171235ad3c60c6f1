//! A row of the table, read back.

use matrix_bridge_core::{
    ClaimToken, EndpointClass, Identity, LaneId, ParkCode, ParkReason, Row, RowId, RowKey,
    RowState,
    ruma::{OwnedDeviceId, OwnedEventId, OwnedTransactionId, OwnedUserId},
};

use super::state;
use crate::{
    fault::{Fault, Reason},
    fields::Fields,
    json,
};

/// The columns that [`read`] needs, as text for the statements.
macro_rules! columns {
    () => {
        "id, state, token, due, attempts, first_attempt, created, event_id, park_code, \
         park_detail, class, sender, device, transaction_id, lane, key, body"
    };
}
pub(super) use columns;

pub(super) fn read(fields: &Fields<'_>) -> Result<Row, Fault> {
    Ok(Row {
        id: RowId(fields.number("id")?),
        key: RowKey::new(fields.get::<String>("key")?),
        lane: LaneId::new(fields.get::<String>("lane")?),
        sender: Identity {
            user: fields.parse("sender", OwnedUserId::try_from)?,
            device: fields
                .get::<Option<String>>("device")?
                .map(OwnedDeviceId::from),
        },
        class: fields.name("class", EndpointClass::from_name)?,
        transaction_id: OwnedTransactionId::from(fields.get::<String>("transaction_id")?),
        body: fields.bytes("body", |bytes| json::decode(&bytes))?,
        created: fields.time("created")?,
        attempts: fields.get("attempts")?,
        first_attempt: fields.optional_time("first_attempt")?,
        state: row_state(fields)?,
    })
}

fn row_state(fields: &Fields<'_>) -> Result<RowState, Fault> {
    Ok(match fields.get::<i64>("state")? {
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
                detail: fields.get("park_detail")?,
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
