//! Faults of what is told, of leases and of closing.

use async_trait::async_trait;
use matrix_bridge_core::{
    Fence, HostLink, InboxEntry, LeaseOutcome, LeaseRequest, Outcome, Store, StoreError, Timestamp,
    ruma::RoomId,
};

use super::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct InboxReversed;

impl Fault for InboxReversed {
    fn inbox(&self, mut entries: Vec<InboxEntry>) -> Vec<InboxEntry> {
        entries.reverse();
        entries
    }
}

#[derive(Debug, Default)]
pub(super) struct PagesOverlap;

impl Fault for PagesOverlap {
    fn rooms_after<'a>(&self, _after: Option<&'a RoomId>) -> Option<&'a RoomId> {
        None
    }
}

#[derive(Debug, Default)]
pub(super) struct LinksOneWay;

impl Fault for LinksOneWay {
    fn linked_host(&self, _link: Option<HostLink>) -> Option<HostLink> {
        None
    }
}

/// As when a reader goes by an id that a slower writer fills in later.
#[derive(Debug, Default)]
pub(super) struct OutcomesSkipped;

impl Fault for OutcomesSkipped {
    fn outcomes(&self, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        if outcomes.len() > 1 {
            outcomes.remove(0);
        }
        outcomes
    }
}

#[derive(Debug, Default)]
pub(super) struct NeverDue;

impl Fault for NeverDue {
    fn next_due(&self, _due: Option<Timestamp>) -> Option<Timestamp> {
        None
    }
}

#[derive(Debug, Default)]
pub(super) struct LeaseShared;

#[async_trait]
impl Fault for LeaseShared {
    async fn lease(
        &self,
        inner: &dyn Store,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        let holder = "anybody".to_owned();
        inner.lease(LeaseRequest { holder, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FenceConstant;

#[async_trait]
impl Fault for FenceConstant {
    async fn lease(
        &self,
        inner: &dyn Store,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        let outcome = inner.lease(request).await?;
        Ok(match outcome {
            LeaseOutcome::Held(_) => LeaseOutcome::Held(Fence(1)),
            taken @ LeaseOutcome::Taken { .. } => taken,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct NeverClosed;

#[async_trait]
impl Fault for NeverClosed {
    async fn close(&self, _inner: &dyn Store) -> Result<(), StoreError> {
        Ok(())
    }
}
