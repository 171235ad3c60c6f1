//! Which event is which message of the host: one to one.

use std::collections::BTreeMap;

use matrix_bridge_core::{
    HostLink,
    ruma::{EventId, OwnedEventId},
};

use crate::{
    fault::Fault,
    fields::Fields,
    session::{Session, Tx},
    text::{digest, encode},
};

/// What either of the two was linked to.
const REMOVE: &str = "DELETE FROM link WHERE id = ANY ($1) OR event = ANY ($2)";
const SET: &str = "\
    INSERT INTO link (id, namespace, host_id, part, kind, event, event_id) \
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::text[], \
        $6::bytea[], $7::text[])";
const EVENT: &str = "SELECT event_id FROM link WHERE id = $1";
const HOST: &str = "SELECT namespace, host_id, part, kind FROM link WHERE event = $1";

/// Sets links, in the order given: a later one replaces what it contradicts.
pub(crate) async fn set(tx: &Tx<'_>, links: &[(HostLink, OwnedEventId)]) -> Result<(), Fault> {
    if links.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = links.iter().map(|(link, _)| id(link)).collect();
    let events: Vec<_> = links.iter().map(|(_, event)| of(event)).collect();
    tx.run(REMOVE, &[&ids, &events]).await?;
    let mut columns = Columns::default();
    for (link, event) in last_ones(links) {
        columns.push(link, event);
    }
    let Columns {
        ids,
        namespaces,
        host_ids,
        parts,
        kinds,
        events,
        event_ids,
    } = columns;
    tx.run(
        SET,
        &[
            &ids,
            &namespaces,
            &host_ids,
            &parts,
            &kinds,
            &events,
            &event_ids,
        ],
    )
    .await?;
    Ok(())
}

/// What is left of links that were set one after the other.
fn last_ones(links: &[(HostLink, OwnedEventId)]) -> BTreeMap<&HostLink, &OwnedEventId> {
    let mut events: BTreeMap<&HostLink, &OwnedEventId> = BTreeMap::new();
    let mut hosts: BTreeMap<&OwnedEventId, &HostLink> = BTreeMap::new();
    for (link, event) in links {
        if let Some(former) = events.insert(link, event) {
            hosts.remove(former);
        }
        if let Some(former) = hosts.insert(event, link)
            && former != link
        {
            events.remove(former);
        }
    }
    events
}

#[derive(Default)]
struct Columns {
    ids: Vec<Vec<u8>>,
    namespaces: Vec<String>,
    host_ids: Vec<String>,
    parts: Vec<i64>,
    kinds: Vec<String>,
    events: Vec<Vec<u8>>,
    event_ids: Vec<String>,
}

impl Columns {
    fn push(&mut self, link: &HostLink, event: &EventId) {
        let HostLink {
            namespace,
            id: host_id,
            part,
            kind,
        } = link;
        self.ids.push(id(link));
        self.namespaces.push(encode(namespace).into_owned());
        self.host_ids.push(encode(host_id).into_owned());
        self.parts.push(i64::from(*part));
        self.kinds.push(encode(kind).into_owned());
        self.events.push(of(event));
        self.event_ids.push(encode(event.as_str()).into_owned());
    }
}

pub(crate) async fn event(
    mut session: Session,
    link: &HostLink,
) -> Result<Option<OwnedEventId>, Fault> {
    let rows = session.rows(EVENT, &[&id(link)]).await?;
    let event = rows
        .first()
        .map(|row| Fields::new(row, "link").parse("event_id", OwnedEventId::try_from));
    event.transpose()
}

pub(crate) async fn host(mut session: Session, event: &EventId) -> Result<Option<HostLink>, Fault> {
    let rows = session.rows(HOST, &[&of(event)]).await?;
    rows.first().map(read).transpose()
}

pub(crate) fn read(row: &tokio_postgres::Row) -> Result<HostLink, Fault> {
    let fields = Fields::new(row, "link");
    Ok(HostLink {
        namespace: fields.text("namespace")?,
        id: fields.text("host_id")?,
        part: fields.small("part")?,
        kind: fields.text("kind")?,
    })
}

fn id(link: &HostLink) -> Vec<u8> {
    let HostLink {
        namespace,
        id,
        part,
        kind,
    } = link;
    digest(&[namespace, id, &part.to_string(), kind])
}

fn of(event: &EventId) -> Vec<u8> {
    digest(&[event.as_str()])
}
