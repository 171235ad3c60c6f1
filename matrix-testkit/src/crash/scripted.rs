//! A store whose calls fare as a script says.

use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, Checkpoint, Claim, ClaimRequest, CommitOutcome, Fence, HostLink, InboxEntry,
    InboxLane, LeaseName, LeaseOutcome, LeaseRequest, ListState, Membership, NewRow, OutboundQueue,
    Outcome, OutcomeCursor, ParkedEvent, ParkedEventId, ParkedRows, PruneLimits, Pruned,
    QueueDepth, RoomFacts, Row, RowId, RowKey, Settled, Settlement, SourceId, StateStore, Store,
    StoreError, StoreErrorKind, Timestamp, ValueKey,
    ruma::{EventId, OwnedEventId, RoomId},
};

/// What becomes of one call of a [`ScriptedStore`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is made and answered.
    Done,
    /// It is not made, and fails with this kind.
    NotDone(StoreErrorKind),
    /// It is made, and fails with [`StoreErrorKind::Unknown`]: the answer is lost.
    Unanswered,
    /// It is made, and never comes back: whoever called is dead.
    Unheard,
}

/// Decides the fate of each call of a store.
#[async_trait]
pub trait StoreScript: fmt::Debug + Send + Sync + 'static {
    /// What becomes of the next call, which is about to be made. Taking its time makes
    /// the store slow; never coming back is the death of the caller before the call.
    async fn next(&self, doing: &str) -> Fate;
}

/// A store whose calls fare as a script says.
#[derive(Debug)]
pub struct ScriptedStore<S> {
    inner: Arc<dyn Store>,
    pub(super) script: S,
}

impl<S: StoreScript> ScriptedStore<S> {
    /// `inner`, whose calls fare as `script` says.
    #[must_use]
    pub fn with_script(inner: Arc<dyn Store>, script: S) -> Self {
        Self { inner, script }
    }

    async fn call<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.script.next(doing).await {
            Fate::Done => call.await,
            Fate::NotDone(kind) => Err(StoreError::new(kind, doing)),
            Fate::Unanswered => {
                call.await?;
                Err(StoreError::new(StoreErrorKind::Unknown, doing))
            }
            Fate::Unheard => {
                call.await?;
                std::future::pending().await
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StoreScript> StateStore for ScriptedStore<S> {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        let call = self.inner.checkpoint(source);
        self.call("reading a checkpoint", call).await
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let call = self.inner.seen(account, events);
        self.call("reading marks", call).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let call = self.inner.commit(batch);
        self.call("committing a batch", call).await
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        let call = self.inner.facts(account, rooms);
        self.call("reading facts", call).await
    }

    async fn rooms(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomFacts>, StoreError> {
        let call = self.inner.rooms(account, membership, after, limit);
        self.call("listing rooms", call).await
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        let call = self.inner.encrypted_rooms(account);
        self.call("counting rooms", call).await
    }

    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError> {
        let call = self.inner.inbox_lanes(account, after, limit);
        self.call("listing the inbox", call).await
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let call = self.inner.inbox(account, room, limit);
        self.call("reading the inbox", call).await
    }

    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        let call = self.inner.parked_events(account, before, limit);
        self.call("reading parked events", call).await
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let call = self.inner.values(keys);
        self.call("reading values", call).await
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        let call = self.inner.linked_event(link);
        self.call("reading a link", call).await
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        let call = self.inner.linked_host(event);
        self.call("reading a link", call).await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        let call = self.inner.lease(request);
        self.call("taking a lease", call).await
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        let call = self.inner.release(name, fence);
        self.call("releasing a lease", call).await
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        let call = self.inner.prune(limits);
        self.call("pruning", call).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let call = self.inner.close();
        self.call("closing", call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: StoreScript> OutboundQueue for ScriptedStore<S> {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        let call = self.inner.claim(request);
        self.call("claiming rows", call).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        let call = self.inner.settle(settlements);
        self.call("settling rows", call).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let call = self.inner.next_due();
        self.call("reading the next due time", call).await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        let call = self.inner.depth();
        self.call("counting rows", call).await
    }

    async fn list(
        &self,
        state: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let call = self.inner.list(state, after, limit);
        self.call("listing rows", call).await
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError> {
        let call = self.inner.rows(keys);
        self.call("reading rows", call).await
    }

    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError> {
        let call = self.inner.parked();
        self.call("counting parked rows", call).await
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        let call = self.inner.requeue(rows, now);
        self.call("requeueing rows", call).await
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        let call = self.inner.discard(rows);
        self.call("discarding rows", call).await
    }

    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError> {
        let call = self.inner.replace(row, with);
        self.call("replacing a row", call).await
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        let call = self.inner.outcomes(after, limit);
        self.call("reading outcomes", call).await
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }
}
