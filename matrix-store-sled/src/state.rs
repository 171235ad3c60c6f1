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
    SledStore,
    tables::{commit, inbox, lease, link, mark, parked, prune, room, source, value},
};

#[async_trait]
impl StateStore for SledStore {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        let source = source.clone();
        self.read("reading a checkpoint", move |view| {
            source::checkpoint(view, &source)
        })
        .await
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let (account, events) = (account.clone(), events.to_vec());
        self.read("reading marks", move |view| {
            mark::seen(view, &account, &events)
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        self.write("committing a batch", move |view| {
            commit::commit(view, batch)
        })
        .await
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        let account = account.clone();
        let rooms: Vec<OwnedRoomId> = rooms.iter().map(|room| (*room).to_owned()).collect();
        self.read("reading facts", move |view| {
            room::facts(view, &account, &rooms)
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
        let account = account.clone();
        let after = after.map(ToOwned::to_owned);
        self.read("listing rooms", move |view| {
            room::list(view, &account, membership, after.as_deref(), limit)
        })
        .await
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        let account = account.clone();
        self.read("counting rooms", move |view| {
            room::encrypted(view, &account)
        })
        .await
    }

    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError> {
        let account = account.clone();
        let after = after.map(ToOwned::to_owned);
        self.read("listing the inbox", move |view| {
            inbox::lanes(view, &account, after.as_deref(), limit)
        })
        .await
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let (account, room) = (account.clone(), room.to_owned());
        self.read("reading the inbox", move |view| {
            inbox::entries(view, &account, &room, limit)
        })
        .await
    }

    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        let account = account.clone();
        self.read("reading parked events", move |view| {
            parked::newest(view, &account, before, limit)
        })
        .await
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys = keys.to_vec();
        self.read("reading values", move |view| value::get(view, &keys))
            .await
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        let link = link.clone();
        self.read("reading a link", move |view| link::event(view, &link))
            .await
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        let event = event.to_owned();
        self.read("reading a link", move |view| link::host(view, &event))
            .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.write("taking a lease", move |view| lease::take(view, request))
            .await
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        let name = name.clone();
        self.write("releasing a lease", move |view| {
            lease::release(view, &name, fence)
        })
        .await
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        self.write("pruning", move |view| prune::all(view, limits))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.close_all().await;
        Ok(())
    }
}
