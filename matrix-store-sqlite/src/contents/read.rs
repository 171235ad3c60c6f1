//! All of it, table by table.

use matrix_bridge_core::{Page, Place};
use rusqlite::Connection;

use super::{last, part::Records};
use crate::{
    fault::Fault,
    marks,
    outbox::{self, outcome},
    tables::{inbox, lease, link, parked, room, source, value},
};

type Read = fn(&Connection, &str, usize) -> Result<Records, Fault>;

/// The tables, in the order in which they are read.
const PARTS: [Read; 11] = [
    source::page,
    marks::page,
    room::page,
    inbox::page,
    parked::page,
    value::page,
    lease::page,
    outbox::contents::page,
    outcome::page,
    link::page,
    last::page,
];

const SIZE: &str = "\
    SELECT (SELECT count(*) FROM source) + (SELECT count(*) FROM room) \
    + (SELECT count(*) FROM inbox) + (SELECT count(*) FROM value) \
    + (SELECT count(*) FROM lease) + (SELECT count(*) FROM link) \
    + (SELECT sum(rows) FROM outbox_count) + (SELECT sum(rows) FROM record_count)";

pub(super) fn size(connection: &Connection) -> Result<u64, Fault> {
    let rows: i64 = connection
        .prepare_cached(SIZE)?
        .query_row([], |row| row.get(0))?;
    Ok(rows.unsigned_abs() + marks::count(connection)? + last::COUNT)
}

/// Up to `limit` records from `place` on, of as many tables as that takes.
pub(super) fn page(connection: &Connection, place: Place, limit: usize) -> Result<Page, Fault> {
    let Place {
        mut part,
        mut after,
    } = place;
    let mut all = Vec::new();
    while let Some(read) = PARTS.get(part) {
        let wanted = limit - all.len();
        let Records { records, place } = read(connection, &after, wanted)?;
        let is_over = records.len() < wanted;
        all.extend(records);
        if !is_over {
            let next = Some(Place { part, after: place });
            return Ok(Page { records: all, next });
        }
        part += 1;
        after.clear();
    }
    Ok(Page {
        records: all,
        next: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::create_schema;

    #[test]
    fn a_page_of_a_large_table_is_found_by_its_key() {
        let mut connection = Connection::open_in_memory().unwrap();
        create_schema(&mut connection).unwrap();
        for sql in [
            source::PAGE,
            marks::PAGE,
            room::PAGE,
            inbox::PAGE,
            parked::PAGE,
            value::PAGE,
            lease::PAGE,
            outbox::contents::PAGE,
            outcome::LIST,
            link::PAGE,
            outbox::contents::MAKE_LANES,
        ] {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let mut plan = connection.prepare(&plan).unwrap();
            let none = vec![1; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(none), |row| row.get("detail"));
            let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
            for step in &steps {
                let is_sorted = step.contains("TEMP B-TREE");
                let is_scan = step.starts_with("SCAN") && sql != outbox::contents::MAKE_LANES;
                assert!(!is_sorted && !is_scan, "{sql}: {steps:?}");
            }
        }
    }
}
