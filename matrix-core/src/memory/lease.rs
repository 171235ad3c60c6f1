//! Who may do work that only one process may do at a time.

use std::collections::BTreeMap;

use crate::{Fence, LeaseName, LeaseOutcome, LeaseRequest, Timestamp};

/// All leases that were ever taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(BTreeMap<LeaseName, Lease>);

#[derive(Clone, Debug, Default)]
struct Lease {
    /// Stays when the lease is let go, so that it only ever grows.
    fence: Fence,
    holder: Option<Holder>,
}

#[derive(Clone, Debug)]
struct Holder {
    name: String,
    until: Timestamp,
}

impl Leases {
    pub(super) fn take(&mut self, request: LeaseRequest) -> LeaseOutcome {
        let LeaseRequest {
            name,
            holder,
            now,
            ttl,
        } = request;
        let lease = self.0.entry(name).or_default();
        match &lease.holder {
            Some(current) if current.until > now && current.name != holder => {
                return LeaseOutcome::Taken {
                    until: current.until,
                };
            }
            Some(current) if current.until > now => {}
            // Also the former holder gets a new number: somebody else may have had the
            // lease in between, or may be about to ask.
            Some(_) | None => lease.fence.0 += 1,
        }
        lease.holder = Some(Holder {
            name: holder,
            until: now + ttl,
        });
        LeaseOutcome::Held(lease.fence)
    }

    pub(super) fn release(&mut self, name: &LeaseName, fence: Fence) {
        if let Some(lease) = self.0.get_mut(name)
            && lease.fence == fence
        {
            lease.holder = None;
        }
    }

    /// The last number of each lease.
    pub(super) fn fences(&self) -> impl Iterator<Item = (&LeaseName, Fence)> {
        self.0.iter().map(|(name, lease)| (name, lease.fence))
    }

    /// A lease that was held under `fence` and is let go.
    pub(super) fn restore(&mut self, name: LeaseName, fence: Fence) {
        let holder = None;
        self.0.insert(name, Lease { fence, holder });
    }

    /// Whether it is held under that number. One that ran out is held until somebody
    /// takes it over: nobody else can have acted under it.
    pub(super) fn is_held(&self, name: &LeaseName, fence: Fence) -> bool {
        let lease = self.0.get(name);
        lease.is_some_and(|lease| lease.fence == fence && lease.holder.is_some())
    }
}
