//! Who may do work that only one process may do at a time.

use matrix_bridge_core::{Fence, LeaseName, LeaseOutcome, LeaseRequest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, digest_of},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Lease {
    pub(crate) name: LeaseName,
    /// Stays when the lease is let go, so that it only ever grows.
    pub(crate) fence: Fence,
    holder: Option<Holder>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Holder {
    name: String,
    until: Timestamp,
}

pub(crate) fn take(view: &mut View, request: LeaseRequest) -> Result<LeaseOutcome, Fault> {
    let LeaseRequest {
        name,
        holder,
        now,
        ttl,
    } = request;
    let key = key(&name);
    let stored: Option<Lease> = view.read(&key)?;
    let mut lease = stored.unwrap_or_else(|| free(name, Fence(0)));
    match &lease.holder {
        Some(current) if current.until > now && current.name != holder => {
            return Ok(LeaseOutcome::Taken {
                until: current.until,
            });
        }
        Some(current) if current.until > now => {}
        // Also the former holder gets a new number once its lease ran out.
        Some(_) | None => lease.fence.0 = lease.fence.0.saturating_add(1),
    }
    lease.holder = Some(Holder {
        name: holder,
        until: now + ttl,
    });
    view.put(&key, &lease)?;
    Ok(LeaseOutcome::Held(lease.fence))
}

pub(crate) fn release(view: &mut View, name: &LeaseName, fence: Fence) -> Result<(), Fault> {
    match view.read::<Lease>(&key(name))? {
        Some(lease) if lease.fence == fence => restore(view, lease.name, fence),
        _ => Ok(()),
    }
}

/// Lets go of all leases; their numbers stay.
pub(crate) fn clear(view: &mut View) -> Result<(), Fault> {
    let all: Result<Vec<_>, _> = view.scan(&Key::of(Table::Lease), None).collect();
    for (key, _) in all? {
        let lease: Lease = view.read_known(&Key::from(key))?;
        restore(view, lease.name, lease.fence)?;
    }
    Ok(())
}

/// A lease that was held under `fence` and is let go.
pub(crate) fn restore(view: &mut View, name: LeaseName, fence: Fence) -> Result<(), Fault> {
    let key = key(&name);
    view.put(&key, &free(name, fence))
}

/// Whether it is held under that number. That it ran out does not matter while nobody
/// took it over.
pub(super) fn is_held(view: &View, name: &LeaseName, fence: Fence) -> Result<bool, Fault> {
    let lease: Option<Lease> = view.read(&key(name))?;
    Ok(lease.is_some_and(|lease| lease.fence == fence && lease.holder.is_some()))
}

const fn free(name: LeaseName, fence: Fence) -> Lease {
    let holder = None;
    Lease {
        name,
        fence,
        holder,
    }
}

fn key(name: &LeaseName) -> Key {
    Key::of(Table::Lease).digest(&digest_of(name.as_str()))
}
