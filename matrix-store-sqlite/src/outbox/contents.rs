//! All rows, and rows as they were in another store.

use matrix_bridge_core::{
    Identity, OrderPolicy, ParkReason, Record, Row, RowState, Timestamp, ruma::OwnedEventId,
};
use rusqlite::{Connection, params};

use super::{row, state};
use crate::{
    contents::{Part, Records},
    fault::{Fault, Reason},
    fields::{Fields, limit, number, time},
    json,
};

pub(crate) const PAGE: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", settled FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2"
);
const RESTORE: &str = "\
    INSERT INTO outbox (id, state, due, attempts, first_attempt, created, settled, event_id, \
    park_code, park_detail, class, sender, device, transaction_id, lane, key, blocks, body) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
pub(crate) const MAKE_LANES: &str = "\
    INSERT INTO lane (lane, head, ready, sender, class) \
    SELECT head.lane, head.id, CASE WHEN EXISTS ( \
        SELECT 1 FROM outbox AS other \
        WHERE other.lane = head.lane AND state = 1 AND blocks = 1 AND other.id < head.id \
    ) THEN NULL ELSE head.due END, head.sender, head.class \
    FROM ( \
        SELECT min(id) AS id FROM outbox INDEXED BY outbox_line WHERE state = 0 GROUP BY lane \
    ) AS first JOIN outbox AS head ON head.id = first.id";

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<u64>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![number(part.key), limit(most)])?;
    while let Some(found) = rows.next()? {
        let fields = Fields::new(found, "outbox");
        let row = Box::new(without_claim(row::read(&fields)?, &fields)?);
        let settled = fields.optional_time("settled")?;
        part.push(row.id.0, Record::Row { row, settled });
    }
    part.end()
}

/// Claims end with the move.
fn without_claim(row: Row, fields: &Fields<'_>) -> Result<Row, Fault> {
    let state = match row.state {
        RowState::Claimed { .. } => RowState::Waiting {
            due: fields.time("due")?,
        },
        state => state,
    };
    Ok(Row { state, ..row })
}

/// What the columns about a row's state hold.
struct State<'r> {
    number: i64,
    due: Timestamp,
    settled: Option<Timestamp>,
    event_id: Option<&'r OwnedEventId>,
    reason: Option<&'r ParkReason>,
}

pub(crate) fn restore(
    connection: &Connection,
    row: &Row,
    settled: Option<Timestamp>,
) -> Result<(), Fault> {
    let Row {
        id,
        key,
        lane,
        sender: Identity { user, device },
        class,
        transaction_id,
        body,
        created,
        attempts,
        first_attempt,
        state: _,
    } = row;
    let State {
        number: state,
        due,
        settled,
        event_id,
        reason,
    } = state_of(row, settled)?;
    connection.prepare_cached(RESTORE)?.execute(params![
        number(id.0),
        state,
        time(due),
        attempts,
        first_attempt.map(time),
        time(*created),
        settled.map(time),
        event_id.map(|id| id.as_str()),
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
    ])?;
    Ok(())
}

fn state_of(row: &Row, settled: Option<Timestamp>) -> Result<State<'_>, Fault> {
    let done = State {
        number: state::SHADOW,
        due: row.created,
        // Without a time it would never be pruned.
        settled: Some(settled.unwrap_or_default()),
        event_id: None,
        reason: None,
    };
    Ok(match &row.state {
        RowState::Waiting { due } => State {
            number: state::WAITING,
            due: *due,
            settled: None,
            ..done
        },
        RowState::Claimed { .. } => {
            let reason = Reason("a row under a claim cannot be copied");
            return Err(Fault::Invalid(reason.into()));
        }
        RowState::Parked { reason } => State {
            number: state::PARKED,
            reason: Some(reason),
            ..done
        },
        RowState::Shadow => done,
        RowState::Sent { event_id } => State {
            number: state::SENT,
            event_id: event_id.as_ref(),
            ..done
        },
    })
}

/// Finds out the first row of each lane, once all rows are there.
pub(crate) fn make_lanes(connection: &Connection) -> Result<(), Fault> {
    connection.prepare_cached(MAKE_LANES)?.execute([])?;
    Ok(())
}
