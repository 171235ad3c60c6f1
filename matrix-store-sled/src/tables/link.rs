//! Which event is which message of the host: one to one.

use matrix_bridge_core::{
    Digest, HostLink,
    ruma::{EventId, OwnedEventId},
};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, digest_of, digest_of_pair},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Link {
    pub(crate) link: HostLink,
    pub(crate) event: OwnedEventId,
}

/// Replaces what either of the two was linked to.
pub(crate) fn set(view: &mut View, link: &HostLink, event: &EventId) -> Result<(), Fault> {
    let (by_host, by_event) = (key(link), key_of_event(event));
    if let Some(former) = view.read::<Link>(&by_host)? {
        view.remove(key_of_event(&former.event));
    }
    if let Some(former) = view.get(&by_event)? {
        view.remove_record(&Key::of(Table::Link).bytes(&former))?;
    }
    view.set(by_event, digest(link).as_bytes());
    let linked = Link {
        link: link.clone(),
        event: event.to_owned(),
    };
    view.put(&by_host, &linked)
}

pub(crate) fn event(view: &View, link: &HostLink) -> Result<Option<OwnedEventId>, Fault> {
    let link: Option<Link> = view.read(&key(link))?;
    Ok(link.map(|link| link.event))
}

pub(crate) fn host(view: &View, event: &EventId) -> Result<Option<HostLink>, Fault> {
    let Some(host) = view.get(&key_of_event(event))? else {
        return Ok(None);
    };
    let link: Link = view.read_known(&Key::of(Table::Link).bytes(&host))?;
    Ok(Some(link.link))
}

fn key(link: &HostLink) -> Key {
    Key::of(Table::Link).digest(&digest(link))
}

fn key_of_event(event: &EventId) -> Key {
    Key::of(Table::LinkByEvent).digest(&digest_of(event.as_str()))
}

/// No two links have the same: each digest is of a pair that says where its first ends.
fn digest(link: &HostLink) -> Digest {
    let HostLink {
        namespace,
        id,
        part,
        kind,
    } = link;
    let host = digest_of_pair(namespace, id);
    let host: String = host
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digest_of_pair(&format!("{host} {part}"), kind)
}
