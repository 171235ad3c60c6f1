//! Which event is which message of the host: one to one.

use matrix_bridge_core::{
    HostLink,
    ruma::{EventId, OwnedEventId},
};
use rusqlite::{Connection, params};

use crate::{fault::Fault, fields::Fields};

/// `REPLACE` removes what either of the two was linked to.
const SET: &str = "\
    INSERT OR REPLACE INTO link (namespace, id, part, kind, event) VALUES (?1, ?2, ?3, ?4, ?5)";
const EVENT: &str = "\
    SELECT id, event FROM link \
    WHERE namespace = ?1 AND id = ?2 AND part = ?3 AND kind = ?4";
const HOST: &str = "SELECT event, namespace, id, part, kind FROM link WHERE event = ?1";

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
    let fields = Fields::new(row, "link");
    Ok(Some(HostLink {
        namespace: fields.get("namespace")?,
        id: fields.get("id")?,
        part: fields.get("part")?,
        kind: fields.get("kind")?,
    }))
}
