//! Which event is which message of the host: one to one.

use matrix_bridge_core::{
    HostLink, Record,
    ruma::{EventId, OwnedEventId},
};
use rusqlite::{Connection, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit},
};

/// `REPLACE` removes what either of the two was linked to.
const SET: &str = "\
    INSERT OR REPLACE INTO link (namespace, id, part, kind, event) VALUES (?1, ?2, ?3, ?4, ?5)";
const EVENT: &str = "\
    SELECT id, event FROM link \
    WHERE namespace = ?1 AND id = ?2 AND part = ?3 AND kind = ?4";
const HOST: &str = "SELECT event, namespace, id, part, kind FROM link WHERE event = ?1";
pub(crate) const PAGE: &str = "\
    SELECT event, namespace, id, part, kind FROM link \
    WHERE (namespace, id, part, kind) >= (?1, ?2, ?3, ?4) \
    ORDER BY namespace, id, part, kind LIMIT ?5 OFFSET ?6";

pub(crate) fn set(connection: &Connection, link: &HostLink, event: &EventId) -> Result<(), Fault> {
    let HostLink {
        namespace,
        id,
        part,
        kind,
    } = link;
    connection
        .prepare_cached(SET)?
        .execute(params![namespace, id, part, kind, event.as_str()])?;
    Ok(())
}

pub(crate) fn event(
    connection: &Connection,
    link: &HostLink,
) -> Result<Option<OwnedEventId>, Fault> {
    let HostLink {
        namespace,
        id,
        part,
        kind,
    } = link;
    let mut statement = connection.prepare_cached(EVENT)?;
    let mut rows = statement.query(params![namespace, id, part, kind])?;
    match rows.next()? {
        Some(row) => Fields::new(row, "link")
            .parse("event", OwnedEventId::try_from)
            .map(Some),
        None => Ok(None),
    }
}

pub(crate) fn host(connection: &Connection, event: &EventId) -> Result<Option<HostLink>, Fault> {
    let mut statement = connection.prepare_cached(HOST)?;
    let mut rows = statement.query([event.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    read(&Fields::new(row, "link")).map(Some)
}

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<(String, String, u32, String)>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let (namespace, id, number, kind) = &part.key;
    let most = limit(most);
    let mut rows = statement.query(params![namespace, id, number, kind, most, part.is_behind])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "link");
        let link = read(&fields)?;
        let HostLink {
            namespace,
            id,
            part: number,
            kind,
        } = link.clone();
        let event = fields.parse("event", OwnedEventId::try_from)?;
        part.push((namespace, id, number, kind), Record::Link { link, event });
    }
    part.end()
}

fn read(fields: &Fields<'_>) -> Result<HostLink, Fault> {
    Ok(HostLink {
        namespace: fields.get("namespace")?,
        id: fields.get("id")?,
        part: fields.get("part")?,
        kind: fields.get("kind")?,
    })
}
