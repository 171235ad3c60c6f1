//! What became of claimed rows.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    Action, ClaimToken, HostLink, LaneId, OutcomeResult, ParkReason, RowBody, RowId, RowKey,
    Settled, Settlement, Timestamp, Verdict, ruma::OwnedEventId,
};
use rusqlite::{Connection, params};
use serde::{Deserialize, de::DeserializeOwned};

use super::{lane, outcome, state};
use crate::{
    fault::Fault,
    fields::{Fields, number, time},
    json,
    tables::link,
};

const CLAIMED: &str = "SELECT id, lane, key FROM outbox WHERE id = ?1 AND token = ?2";
const BODY: &str = "SELECT id, body FROM outbox WHERE id = ?1";
const RETRY: &str =
    "UPDATE outbox SET token = NULL, due = ?2, attempts = attempts + ?3 WHERE id = ?1";
const RELEASE: &str = "\
    UPDATE outbox SET token = NULL, \
    first_attempt = CASE WHEN is_first_claim THEN NULL ELSE first_attempt END WHERE id = ?1";
const AMEND: &str = "UPDATE outbox SET body = ?2 WHERE id = ?1";
const SENT: &str = "\
    UPDATE outbox SET state = ?2, token = NULL, settled = ?3, event_id = ?4 WHERE id = ?1";
const PARK: &str = "\
    UPDATE outbox SET state = ?2, token = NULL, settled = ?3, park_code = ?4, \
    park_detail = ?5 WHERE id = ?1";
const SHADOW: &str = "UPDATE outbox SET state = ?2, token = NULL, settled = ?3 WHERE id = ?1";

/// Writes down what became of rows, in the order given.
pub(crate) fn settle(
    connection: &Connection,
    settlements: Vec<Settlement>,
) -> Result<Settled, Fault> {
    let mut settled = Settled::default();
    // When a row of the lane was settled last; none where rows were only amended.
    let mut lanes: BTreeMap<LaneId, Option<Timestamp>> = BTreeMap::new();
    for settlement in settlements {
        let (row, at) = (settlement.row, settlement.at);
        let is_settled = !matches!(settlement.verdict, Verdict::Amend(_));
        match settle_one(connection, settlement)? {
            Some(lane) if is_settled => drop(lanes.insert(lane, Some(at))),
            Some(lane) => drop(lanes.entry(lane).or_default()),
            None => settled.lost.push(row),
        }
    }
    for (lane, settled) in &lanes {
        lane::refresh(connection, lane, *settled)?;
    }
    Ok(settled)
}

/// The row's lane; `None` when the row is no longer under that claim.
fn settle_one(connection: &Connection, settlement: Settlement) -> Result<Option<LaneId>, Fault> {
    let Settlement {
        row,
        token,
        verdict,
        at,
    } = settlement;
    let Some((lane, key)) = claimed(connection, row, token)? else {
        return Ok(None);
    };
    let id = number(row.0);
    match verdict {
        Verdict::Retry { due, counted } => {
            let mut retry = connection.prepare_cached(RETRY)?;
            retry.execute(params![id, time(due), counted])?;
        }
        Verdict::Release => {
            connection.prepare_cached(RELEASE)?.execute([id])?;
        }
        Verdict::Amend(action) => amend(connection, row, action)?,
        Verdict::Sent(event) => sent(connection, row, &key, event, at)?,
        Verdict::Park(reason) => park(connection, row, &key, reason, at)?,
        Verdict::Shadow => {
            let mut shadow = connection.prepare_cached(SHADOW)?;
            shadow.execute(params![id, state::SHADOW, time(at)])?;
        }
    }
    Ok(Some(lane))
}

fn claimed(
    connection: &Connection,
    row: RowId,
    token: ClaimToken,
) -> Result<Option<(LaneId, RowKey)>, Fault> {
    let mut statement = connection.prepare_cached(CLAIMED)?;
    let mut rows = statement.query(params![number(row.0), number(token.0)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let fields = Fields::new(row, "outbox");
    let lane = LaneId::new(fields.get::<String>("lane")?);
    let key = RowKey::new(fields.get::<String>("key")?);
    Ok(Some((lane, key)))
}

fn amend(connection: &Connection, row: RowId, action: Action) -> Result<(), Fault> {
    let body = RowBody {
        action,
        ..body::<RowBody>(connection, row)?
    };
    connection
        .prepare_cached(AMEND)?
        .execute(params![number(row.0), json::encode(&body)?])?;
    Ok(())
}

fn sent(
    connection: &Connection,
    row: RowId,
    key: &RowKey,
    event: Option<OwnedEventId>,
    at: Timestamp,
) -> Result<(), Fault> {
    if let Some(event) = &event
        && let Linked { link: Some(link) } = body(connection, row)?
    {
        link::set(connection, &link, event)?;
    }
    connection.prepare_cached(SENT)?.execute(params![
        number(row.0),
        state::SENT,
        time(at),
        event.as_ref().map(|event| event.as_str()),
    ])?;
    outcome::push(connection, key, at, &OutcomeResult::Sent(event))
}

fn park(
    connection: &Connection,
    row: RowId,
    key: &RowKey,
    reason: ParkReason,
    at: Timestamp,
) -> Result<(), Fault> {
    connection.prepare_cached(PARK)?.execute(params![
        number(row.0),
        state::PARKED,
        time(at),
        reason.code.as_str(),
        reason.detail,
    ])?;
    outcome::push(connection, key, at, &OutcomeResult::Parked(reason))
}

/// The part of a body that says what to link: all of it is much to read for each row.
#[derive(Deserialize)]
struct Linked {
    link: Option<HostLink>,
}

/// The row's body, or a part of it.
fn body<T: DeserializeOwned>(connection: &Connection, row: RowId) -> Result<T, Fault> {
    let mut statement = connection.prepare_cached(BODY)?;
    let mut rows = statement.query([number(row.0)])?;
    match rows.next()? {
        Some(row) => Fields::new(row, "outbox").bytes("body", |bytes| json::decode(&bytes)),
        None => Err(rusqlite::Error::QueryReturnedNoRows.into()),
    }
}
