//! Filling the store.

use matrix_bridge_core::{Digest, Record, Timestamp, ValueChange};
use rusqlite::Connection;

use super::last;
use crate::{
    fault::{Fault, Reason},
    marks,
    outbox::{self, outcome},
    tables::{engine, inbox, lease, link, parked, room, source, value},
};

/// A store that gave numbers to what is gone is not empty: it was in use.
const IS_EMPTY: &str = "SELECT NOT ( \
    EXISTS (SELECT 1 FROM source) OR EXISTS (SELECT 1 FROM mark_segment) \
    OR EXISTS (SELECT 1 FROM room) OR EXISTS (SELECT 1 FROM inbox) \
    OR EXISTS (SELECT 1 FROM parked_event) OR EXISTS (SELECT 1 FROM value) \
    OR EXISTS (SELECT 1 FROM lease) OR EXISTS (SELECT 1 FROM outbox) \
    OR EXISTS (SELECT 1 FROM outcome) OR EXISTS (SELECT 1 FROM link) \
    OR EXISTS (SELECT 1 FROM sqlite_sequence WHERE seq > 0) \
    OR EXISTS (SELECT 1 FROM sequence WHERE value > 0))";

/// What is counted is counted down by triggers.
const EMPTY: &str = "\
    DELETE FROM source; DELETE FROM mark_segment; DELETE FROM room; DELETE FROM inbox; \
    DELETE FROM parked_event; DELETE FROM value; DELETE FROM lease; DELETE FROM outbox; \
    DELETE FROM lane; DELETE FROM outcome; DELETE FROM link; DELETE FROM sqlite_sequence; \
    UPDATE sequence SET value = 0;";

pub(super) fn begin(connection: &Connection) -> Result<(), Fault> {
    if engine::is_unfinished(connection)? {
        connection.execute_batch(EMPTY)?;
    } else if !is_empty(connection)? {
        return Err(invalid("there is something in the store already"));
    }
    engine::set_unfinished(connection, true)
}

fn is_empty(connection: &Connection) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(IS_EMPTY)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

pub(super) fn records(connection: &Connection, records: Vec<Record>) -> Result<(), Fault> {
    if !engine::is_unfinished(connection)? {
        return Err(invalid("no copy into this store was begun"));
    }
    let mut set: Vec<(Timestamp, Digest)> = Vec::new();
    for record in records {
        match record {
            Record::Mark { digest, at } => set.push((at, digest)),
            record => take(connection, record)?,
        }
    }
    // All at once: many share a row.
    marks::append(connection, &set)
}

fn take(connection: &Connection, record: Record) -> Result<(), Fault> {
    match record {
        Record::Source { source, checkpoint } => source::set(connection, &source, &checkpoint),
        Record::Mark { digest, at } => marks::append(connection, &[(at, digest)]),
        Record::Room { account, facts } => room::set(connection, &account, &facts),
        Record::Inbox {
            account,
            place,
            entry,
        } => inbox::restore(connection, &account, place, &entry),
        Record::ParkedEvent { account, event } => parked::restore(connection, &account, &event),
        Record::Value { key, value } => {
            let value = Some(value);
            value::change(connection, &ValueChange { key, value })
        }
        Record::Lease { name, fence } => lease::restore(connection, &name, fence),
        Record::Row { row, settled } => outbox::contents::restore(connection, &row, settled),
        Record::Outcome(outcome) => outcome::restore(connection, &outcome),
        Record::Link { link, event } => link::set(connection, &link, &event),
        Record::Last { of, number } => last::set(connection, of, number),
    }
}

/// Ending it again changes nothing: the answer to the first time may have been lost.
pub(super) fn finish(connection: &Connection) -> Result<(), Fault> {
    if engine::is_unfinished(connection)? {
        outbox::contents::make_lanes(connection)?;
        engine::set_unfinished(connection, false)?;
    }
    Ok(())
}

fn invalid(reason: &'static str) -> Fault {
    Fault::Invalid(Reason(reason).into())
}
