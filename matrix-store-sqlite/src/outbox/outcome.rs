//! What became of rows, for the host to read.

use matrix_bridge_core::{
    Outcome, OutcomeCursor, OutcomeResult, ParkCode, ParkReason, Record, RowKey, Timestamp,
    ruma::OwnedEventId,
};
use rusqlite::{Connection, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, number, time},
};

const PUSH: &str = "\
    INSERT INTO outcome (cursor, at, event_id, code, detail, key) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(crate) const LIST: &str = "\
    SELECT cursor, at, event_id, code, detail, key FROM outcome \
    WHERE cursor > ?1 ORDER BY cursor LIMIT ?2";

pub(super) fn push(
    connection: &Connection,
    key: &RowKey,
    at: Timestamp,
    result: &OutcomeResult,
) -> Result<(), Fault> {
    insert(connection, None, key, at, result)
}

/// Takes in an outcome that has a cursor already.
pub(crate) fn restore(connection: &Connection, outcome: &Outcome) -> Result<(), Fault> {
    let Outcome {
        cursor,
        key,
        at,
        result,
    } = outcome;
    insert(connection, Some(*cursor), key, *at, result)
}

/// Under a new cursor if none is given.
fn insert(
    connection: &Connection,
    cursor: Option<OutcomeCursor>,
    key: &RowKey,
    at: Timestamp,
    result: &OutcomeResult,
) -> Result<(), Fault> {
    let (event, reason) = match result {
        OutcomeResult::Sent(event) => (event.as_ref(), None),
        OutcomeResult::Parked(reason) => (None, Some(reason)),
    };
    connection.prepare_cached(PUSH)?.execute(params![
        cursor.map(|cursor| number(cursor.0)),
        time(at),
        event.map(|event| event.as_str()),
        reason.map(|ParkReason { code, .. }| code.as_str()),
        reason.map(|ParkReason { detail, .. }| detail),
        key.as_str(),
    ])?;
    Ok(())
}

pub(crate) fn list(
    connection: &Connection,
    after: OutcomeCursor,
    most: usize,
) -> Result<Vec<Outcome>, Fault> {
    let mut statement = connection.prepare_cached(LIST)?;
    let mut rows = statement.query(params![number(after.0), limit(most)])?;
    let mut outcomes = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "outcome");
        outcomes.push(Outcome {
            cursor: OutcomeCursor(fields.number("cursor")?),
            key: RowKey::new(fields.get::<String>("key")?),
            at: fields.time("at")?,
            result: result(&fields)?,
        });
    }
    Ok(outcomes)
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<u64>::behind(place)?;
    for outcome in list(connection, OutcomeCursor(part.key), most)? {
        part.push(outcome.cursor.0, Record::Outcome(outcome));
    }
    part.end()
}

fn result(fields: &Fields<'_>) -> Result<OutcomeResult, Fault> {
    if fields.get::<Option<String>>("code")?.is_some() {
        return Ok(OutcomeResult::Parked(ParkReason {
            code: fields.name("code", ParkCode::from_name)?,
            detail: fields.get("detail")?,
        }));
    }
    let event = fields.parse_optional("event_id", OwnedEventId::try_from)?;
    Ok(OutcomeResult::Sent(event))
}
