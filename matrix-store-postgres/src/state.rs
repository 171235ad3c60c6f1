//! The taking-in side of the contract.

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, Checkpoint, CommitOutcome, Fence, HostLink, InboxEntry, InboxLane, LeaseName,
    LeaseOutcome, LeaseRequest, Membership, ParkedEvent, ParkedEventId, PruneLimits, Pruned,
    RoomFacts, SourceId, StateStore, StoreError, ValueKey,
    ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId},
};

use crate::{
    PostgresStore,
    tables::{commit, inbox, lease, link, mark, parked, prune, room, source, value},
};

#[async_trait]
impl StateStore for PostgresStore {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        self.call("reading a checkpoint", |session| {
            source::checkpoint(session, source)
        })
        .await
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        self.call("reading marks", |session| {
            mark::seen(session, account, events)
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let has_rows = !batch.rows.is_empty();
        let outcome = self
            .call("committing a batch", |mut session| async move {
                commit::commit(&mut session, batch).await
            })
            .await?;
        if has_rows && outcome == CommitOutcome::Applied {
            self.tell().await;
        }
        Ok(outcome)
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        let rooms: Vec<OwnedRoomId> = rooms.iter().map(|room| (*room).to_owned()).collect();
        self.call("reading facts", |session| {
            room::facts(session, account, &rooms)
        })
        .await
    }

    async fn rooms(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomFacts>, StoreError> {
        self.call("listing rooms", |session| {
            room::list(session, account, membership, after, limit)
        })
        .await
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        self.call("counting rooms", |session| {
            room::encrypted(session, account)
        })
        .await
    }

    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError> {
        self.call("listing the inbox", |session| {
            inbox::lanes(session, account, after, limit)
        })
        .await
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.call("reading the inbox", |session| {
            inbox::entries(session, account, room, limit)
        })
        .await
    }

    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        self.call("reading parked events", |session| {
            parked::newest(session, account, before, limit)
        })
        .await
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.call("reading values", |session| value::get(session, keys))
            .await
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        self.call("reading a link", |session| link::event(session, link))
            .await
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        self.call("reading a link", |session| link::host(session, event))
            .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.call("taking a lease", |session| {
            lease::take(session, &request, self.clock())
        })
        .await
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        self.call("releasing a lease", |session| {
            lease::release(session, name, fence)
        })
        .await
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        self.call("pruning", |session| prune::prune(session, limits))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.close_all().await;
        Ok(())
    }
}
