//! Who may do work that only one process may do at a time.

use matrix_bridge_core::{Fence, LeaseName, LeaseOutcome, LeaseRequest, Record};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit, number, time},
};

const GET: &str =
    "SELECT name, fence, holder, until FROM lease WHERE name = ?1 AND holder IS NOT NULL";
const RENEW: &str = "UPDATE lease SET until = ?2 WHERE name = ?1";
const TAKE: &str = "\
    INSERT INTO lease (name, fence, holder, until) VALUES (?1, 1, ?2, ?3) \
    ON CONFLICT (name) DO UPDATE \
    SET fence = fence + 1, holder = excluded.holder, until = excluded.until \
    RETURNING fence";
const RELEASE: &str = "UPDATE lease SET holder = NULL, until = NULL WHERE name = ?1 AND fence = ?2";
const CLEAR: &str = "UPDATE lease SET holder = NULL, until = NULL WHERE holder IS NOT NULL";
const RESTORE: &str = "INSERT INTO lease (name, fence) VALUES (?1, ?2)";
pub(crate) const PAGE: &str =
    "SELECT name, fence FROM lease WHERE name >= ?1 ORDER BY name LIMIT ?2 OFFSET ?3";
const HOLDS: &str = "SELECT 1 FROM lease WHERE name = ?1 AND fence = ?2 AND holder IS NOT NULL";

pub(crate) fn take(connection: &Connection, request: &LeaseRequest) -> Result<LeaseOutcome, Fault> {
    let LeaseRequest {
        name,
        holder,
        now,
        ttl,
    } = request;
    let until = *now + *ttl;
    let mut statement = connection.prepare_cached(GET)?;
    let mut rows = statement.query([name.as_str()])?;
    if let Some(row) = rows.next()? {
        let fields = Fields::new(row, "lease");
        let running = fields.time("until")?;
        if running > *now && fields.get::<String>("holder")? != *holder {
            return Ok(LeaseOutcome::Taken { until: running });
        }
        if running > *now {
            let fence = Fence(fields.number("fence")?);
            connection
                .prepare_cached(RENEW)?
                .execute(params![name.as_str(), time(until)])?;
            return Ok(LeaseOutcome::Held(fence));
        }
    }
    // Also the former holder gets a new number once its lease ran out.
    let fence: i64 = connection
        .prepare_cached(TAKE)?
        .query_row(params![name.as_str(), holder, time(until)], |row| {
            row.get(0)
        })?;
    Ok(LeaseOutcome::Held(Fence(fence.unsigned_abs())))
}

pub(crate) fn release(
    connection: &Connection,
    name: &LeaseName,
    fence: Fence,
) -> Result<(), Fault> {
    connection
        .prepare_cached(RELEASE)?
        .execute(params![name.as_str(), number(fence.0)])?;
    Ok(())
}

/// Lets go of all leases; their numbers stay.
pub(crate) fn clear(connection: &Connection) -> Result<(), Fault> {
    connection.prepare_cached(CLEAR)?.execute([])?;
    Ok(())
}

/// Whether it is held under that number. That it ran out does not matter while nobody
/// took it over.
pub(super) fn is_held(
    connection: &Connection,
    name: &LeaseName,
    fence: Fence,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(HOLDS)?;
    let found = statement.query_row(params![name.as_str(), number(fence.0)], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<String>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![part.key, limit(most), part.is_behind])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "lease");
        let at: String = fields.get("name")?;
        let name = LeaseName::new(at.as_str());
        let fence = Fence(fields.number("fence")?);
        part.push(at, Record::Lease { name, fence });
    }
    part.end()
}

/// Takes in a lease that nobody holds.
pub(crate) fn restore(
    connection: &Connection,
    name: &LeaseName,
    fence: Fence,
) -> Result<(), Fault> {
    connection
        .prepare_cached(RESTORE)?
        .execute(params![name.as_str(), number(fence.0)])?;
    Ok(())
}
