//! The last numbers that were given to something.

use matrix_bridge_core::{Counted, Record};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::part::{Part, Records};
use crate::{fault::Fault, fields::number};

/// SQLite's own table, which may be read and written like others.
const GET: &str = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
const FORGET: &str = "DELETE FROM sqlite_sequence WHERE name = ?1";
const SET: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
const GET_CLAIM: &str = "SELECT value FROM sequence WHERE name = 'claim'";
const SET_CLAIM: &str = "UPDATE sequence SET value = ?1 WHERE name = 'claim'";

/// How many there are.
pub(super) const COUNT: u64 = Counted::ALL.len() as u64;

pub(super) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<usize>::behind(place)?;
    let left = (1..).zip(Counted::ALL).skip(part.key).take(most);
    for (n, of) in left {
        let number = get(connection, of)?;
        part.push(n, Record::Last { of, number });
    }
    part.end()
}

fn get(connection: &Connection, of: Counted) -> Result<u64, Fault> {
    let last: Option<i64> = match table(of) {
        Some(table) => connection
            .prepare_cached(GET)?
            .query_row([table], |row| row.get(0))
            .optional()?,
        None => Some(
            connection
                .prepare_cached(GET_CLAIM)?
                .query_row([], |row| row.get(0))?,
        ),
    };
    Ok(last.unwrap_or_default().unsigned_abs())
}

pub(super) fn set(connection: &Connection, of: Counted, last: u64) -> Result<(), Fault> {
    match table(of) {
        Some(table) => {
            connection.prepare_cached(FORGET)?.execute([table])?;
            connection
                .prepare_cached(SET)?
                .execute(params![table, number(last)])?;
        }
        None => {
            connection
                .prepare_cached(SET_CLAIM)?
                .execute([number(last)])?;
        }
    }
    Ok(())
}

/// The table whose ids these are; claims have none.
const fn table(of: Counted) -> Option<&'static str> {
    match of {
        Counted::Rows => Some("outbox"),
        Counted::Inbox => Some("inbox"),
        Counted::ParkedEvents => Some("parked_event"),
        Counted::Outcomes => Some("outcome"),
        Counted::Claims => None,
    }
}
