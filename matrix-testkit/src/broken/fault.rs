//! The wrapper: every call goes through, but for those that the fault takes.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, Checkpoint, Claim, ClaimRequest, CommitOutcome, Fence, HostLink, InboxEntry,
    InboxLane, LeaseName, LeaseOutcome, LeaseRequest, ListState, Membership, NewRow, OutboundQueue,
    Outcome, OutcomeCursor, ParkedEvent, ParkedEventId, ParkedRows, PruneLimits, Pruned,
    QueueDepth, RoomFacts, Row, RowId, RowKey, Settled, Settlement, SourceId, StateStore, Store,
    StoreError, Timestamp, ValueKey,
    ruma::{EventId, OwnedEventId, RoomId},
};

/// The calls that a fault can take; it leaves those it does not name as they are.
#[async_trait]
pub(super) trait Fault: fmt::Debug + Send + Sync + 'static {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        inner.commit(batch).await
    }

    async fn seen(
        &self,
        inner: &dyn Store,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        inner.seen(account, events).await
    }

    async fn prune(&self, inner: &dyn Store, limits: PruneLimits) -> Result<Pruned, StoreError> {
        inner.prune(limits).await
    }

    async fn values(
        &self,
        inner: &dyn Store,
        keys: &[ValueKey],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        inner.values(keys).await
    }

    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        inner.claim(request).await
    }

    async fn settle(
        &self,
        inner: &dyn Store,
        settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        inner.settle(settlements).await
    }

    async fn lease(
        &self,
        inner: &dyn Store,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        inner.lease(request).await
    }

    async fn close(&self, inner: &dyn Store) -> Result<(), StoreError> {
        inner.close().await
    }

    async fn requeue(
        &self,
        inner: &dyn Store,
        rows: &[RowId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        inner.requeue(rows, now).await
    }

    async fn replace(
        &self,
        inner: &dyn Store,
        row: RowId,
        with: NewRow,
    ) -> Result<bool, StoreError> {
        inner.replace(row, with).await
    }

    fn inbox(&self, entries: Vec<InboxEntry>) -> Vec<InboxEntry> {
        entries
    }

    fn rooms_after<'a>(&self, after: Option<&'a RoomId>) -> Option<&'a RoomId> {
        after
    }

    fn linked_host(&self, link: Option<HostLink>) -> Option<HostLink> {
        link
    }

    fn next_due(&self, due: Option<Timestamp>) -> Option<Timestamp> {
        due
    }

    fn parked_before(&self, before: Option<ParkedEventId>) -> Option<ParkedEventId> {
        before
    }

    fn list(&self, rows: Vec<Row>) -> Vec<Row> {
        rows
    }

    fn rows(&self, rows: Vec<Option<Row>>) -> Vec<Option<Row>> {
        rows
    }

    fn parked(&self, parked: Vec<ParkedRows>) -> Vec<ParkedRows> {
        parked
    }

    fn outcomes(&self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        outcomes
    }
}

/// A store with a fault.
#[derive(Debug)]
pub(super) struct BrokenStore<F> {
    pub(super) inner: Arc<dyn Store>,
    pub(super) fault: F,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<F: Fault> StateStore for BrokenStore<F> {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        self.inner.checkpoint(source).await
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        self.fault.seen(&*self.inner, account, events).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        self.fault.commit(&*self.inner, batch).await
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        self.inner.facts(account, rooms).await
    }

    async fn rooms(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomFacts>, StoreError> {
        let after = self.fault.rooms_after(after);
        self.inner.rooms(account, membership, after, limit).await
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        self.inner.encrypted_rooms(account).await
    }

    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError> {
        self.inner.inbox_lanes(account, after, limit).await
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let entries = self.inner.inbox(account, room, limit).await?;
        Ok(self.fault.inbox(entries))
    }

    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        let before = self.fault.parked_before(before);
        self.inner.parked_events(account, before, limit).await
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.fault.values(&*self.inner, keys).await
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        self.inner.linked_event(link).await
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        let link = self.inner.linked_host(event).await?;
        Ok(self.fault.linked_host(link))
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.fault.lease(&*self.inner, request).await
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        self.inner.release(name, fence).await
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        self.fault.prune(&*self.inner, limits).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.fault.close(&*self.inner).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<F: Fault> OutboundQueue for BrokenStore<F> {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.fault.claim(&*self.inner, request).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        self.fault.settle(&*self.inner, settlements).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due = self.inner.next_due().await?;
        Ok(self.fault.next_due(due))
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.inner.depth().await
    }

    async fn list(
        &self,
        state: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.inner.list(state, after, limit).await?;
        Ok(self.fault.list(rows))
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError> {
        let rows = self.inner.rows(keys).await?;
        Ok(self.fault.rows(rows))
    }

    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError> {
        let parked = self.inner.parked().await?;
        Ok(self.fault.parked(parked))
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        self.fault.requeue(&*self.inner, rows, now).await
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        self.inner.discard(rows).await
    }

    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError> {
        self.fault.replace(&*self.inner, row, with).await
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.inner.outcomes(after, limit).await?;
        Ok(self.fault.outcomes(outcomes))
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }
}
