//! Handing rows to senders.

use std::collections::BTreeSet;

use matrix_bridge_core::{
    Claim, ClaimRequest, ClaimToken, EndpointClass, LaneId, Row, RowState, Timestamp,
};
use rusqlite::{Connection, params};

use super::row;
use crate::{
    fault::Fault,
    fields::{Fields, limit, number, time},
};

pub(super) const READY: &str =
    "SELECT lane, sender, class FROM lane WHERE ready <= ?1 ORDER BY ready, head";
/// Those that had no turn since they last had no rows, the latest in front.
pub(super) const NEW: &str = "\
    SELECT lane, sender, class FROM lane \
    WHERE ready <= ?1 AND freed IS NULL AND token IS NULL ORDER BY ready DESC, head DESC";
const TOKEN: &str = "UPDATE sequence SET value = value + 1 WHERE name = 'claim' RETURNING value";
/// A former claim that ran out ends for all its rows, also those not taken now.
pub(super) const END_FORMER: &str = "\
    UPDATE outbox SET token = NULL WHERE token = (SELECT token FROM lane WHERE lane = ?1)";
/// As far as the first row that blocks the lane. The lane's own index is named, or all rows
/// in their order, as far as the lane's, look as good.
pub(super) const FIRST_ROWS: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM outbox INDEXED BY outbox_line WHERE lane = ?1 AND state = 0 AND id < coalesce(( \
        SELECT id FROM outbox INDEXED BY outbox_blocking \
        WHERE lane = ?1 AND state = 1 AND blocks = 1 \
        ORDER BY id LIMIT 1), 9223372036854775807) ORDER BY id LIMIT ?2"
);
const TAKE_ROW: &str = "\
    UPDATE outbox SET token = ?2, is_first_claim = first_attempt IS NULL, \
    first_attempt = coalesce(first_attempt, ?3) WHERE id = ?1";
/// The head is due, so the lane is free again when the claim runs out.
const TAKE_LANE: &str = "UPDATE lane SET token = ?2, until = ?3, ready = ?3 WHERE lane = ?1";
const END_CLAIMED_ROWS: &str = "UPDATE outbox SET token = NULL WHERE token IS NOT NULL";
const END_CLAIMED_LANES: &str = "\
    UPDATE lane SET token = NULL, until = NULL, \
    ready = CASE WHEN ready IS NULL THEN NULL ELSE \
    (SELECT max(due, coalesce(freed, due)) FROM outbox WHERE id = head) END \
    WHERE token IS NOT NULL";
pub(super) const NEXT_DUE: &str =
    "SELECT ready FROM lane WHERE ready IS NOT NULL ORDER BY ready LIMIT 1";

pub(crate) fn claim(connection: &Connection, request: &ClaimRequest) -> Result<Vec<Claim>, Fault> {
    if request.rows_per_lane == 0 {
        return Ok(Vec::new());
    }
    let lanes = turns(connection, request)?;
    lanes
        .into_iter()
        .map(|lane| claim_lane(connection, lane, request))
        .collect()
}

/// Ends all claims; the rows under them wait for their turn as before.
pub(crate) fn end_all(connection: &Connection) -> Result<(), Fault> {
    connection.prepare_cached(END_CLAIMED_ROWS)?.execute([])?;
    connection.prepare_cached(END_CLAIMED_LANES)?.execute([])?;
    Ok(())
}

/// When something can next be claimed.
pub(crate) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, Fault> {
    let mut statement = connection.prepare_cached(NEXT_DUE)?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => Fields::new(row, "lane").time("ready").map(Some),
        None => Ok(None),
    }
}

/// The lanes to claim: newcomers, and then those that became free first.
fn turns(connection: &Connection, request: &ClaimRequest) -> Result<Vec<LaneId>, Fault> {
    let paused: BTreeSet<(&str, EndpointClass)> = request
        .paused
        .iter()
        .map(|(user, class)| (user.as_str(), *class))
        .collect();
    let mut lanes = Vec::new();
    let newcomers = request.newcomers.min(request.lanes);
    for (sql, most) in [(NEW, newcomers), (READY, request.lanes)] {
        if lanes.len() >= most {
            continue;
        }
        let known: BTreeSet<LaneId> = lanes.iter().cloned().collect();
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([time(request.now)])?;
        while lanes.len() < most
            && let Some(row) = rows.next()?
        {
            let fields = Fields::new(row, "lane");
            let lane = LaneId::new(fields.get::<String>("lane")?);
            let sender: String = fields.get("sender")?;
            let class = fields.name("class", EndpointClass::from_name)?;
            if !paused.contains(&(sender.as_str(), class)) && !known.contains(&lane) {
                lanes.push(lane);
            }
        }
    }
    Ok(lanes)
}

/// Claims the first rows of a lane that is free and whose head is due.
fn claim_lane(
    connection: &Connection,
    lane: LaneId,
    request: &ClaimRequest,
) -> Result<Claim, Fault> {
    let until = time(request.now + request.ttl);
    let value: i64 = connection
        .prepare_cached(TOKEN)?
        .query_row([], |row| row.get(0))?;
    let token = ClaimToken(value.unsigned_abs());
    connection
        .prepare_cached(END_FORMER)?
        .execute([lane.as_str()])?;
    let mut rows = first_rows(connection, &lane, request)?;
    let mut take = connection.prepare_cached(TAKE_ROW)?;
    for row in &mut rows {
        take.execute(params![number(row.id.0), value, time(request.now)])?;
        row.first_attempt.get_or_insert(request.now);
        row.state = RowState::Claimed { token };
    }
    connection
        .prepare_cached(TAKE_LANE)?
        .execute(params![lane.as_str(), value, until])?;
    Ok(Claim { token, lane, rows })
}

/// The first rows of a lane, as long as they are due, of one sender and of one class.
fn first_rows(
    connection: &Connection,
    lane: &LaneId,
    request: &ClaimRequest,
) -> Result<Vec<Row>, Fault> {
    let mut statement = connection.prepare_cached(FIRST_ROWS)?;
    let mut found = statement.query(params![lane.as_str(), limit(request.rows_per_lane)])?;
    let mut rows: Vec<Row> = Vec::new();
    while let Some(row) = found.next()? {
        let fields = Fields::new(row, "outbox");
        let row = row::read(&fields)?;
        let is_of_run = rows
            .first()
            .is_none_or(|head| head.sender.user == row.sender.user && head.class == row.class);
        if !is_of_run || fields.time("due")? > request.now {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}
