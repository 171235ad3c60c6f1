//! The taking-in side of the contract.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, Checkpoint, CommitOutcome, Digest, Fence, HostLink, InboxEntry, InboxLane,
    LeaseName, LeaseOutcome, LeaseRequest, Membership, ParkedEvent, ParkedEventId, PruneLimits,
    Pruned, RoomFacts, SourceId, StateStore, StoreError, ValueKey,
    ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId},
};

use crate::{
    SqliteStore, marks,
    tables::{commit, inbox, lease, link, parked, prune, room, source, value},
    writer::Work,
};

#[async_trait]
impl StateStore for SqliteStore {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        let source = source.clone();
        self.read("reading a checkpoint", move |connection| {
            source::checkpoint(connection, &source)
        })
        .await
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let doing = "reading marks";
        let digest = |event: &OwnedEventId| Digest::of(account, event.as_str());
        if let Some(marks) = self.marks() {
            self.refuse_if_closed(doing)?;
            let digests: Vec<_> = events.iter().map(digest).collect();
            return Ok(marks.seen(&digests));
        }
        let account = account.clone();
        let events: Vec<_> = events.iter().map(|id| (id.clone(), digest(id))).collect();
        self.read(doing, move |connection| {
            let wanted: BTreeSet<_> = events.iter().map(|(_, digest)| *digest).collect();
            let marked = marks::scan(connection, &wanted)?;
            events
                .iter()
                .map(|(id, digest)| {
                    Ok(marked.contains(digest) || room::is_last_seen(connection, &account, id)?)
                })
                .collect()
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let doing = "committing a batch";
        if commit::is_of_a_person(&batch) {
            let run = move |work: &mut Work<'_>| commit::commit(work, batch);
            return self.write_as_person(doing, run).await;
        }
        self.write(doing, move |work| commit::commit(work, batch))
            .await
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        let account = account.clone();
        let rooms: Vec<OwnedRoomId> = rooms.iter().map(|room| (*room).to_owned()).collect();
        self.read("reading facts", move |connection| {
            room::facts(connection, &account, &rooms)
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
        self.read("listing rooms", move |connection| {
            room::list(connection, &account, membership, after.as_deref(), limit)
        })
        .await
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        let account = account.clone();
        self.read("counting rooms", move |connection| {
            room::encrypted(connection, &account)
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
        self.read("listing the inbox", move |connection| {
            inbox::lanes(connection, &account, after.as_deref(), limit)
        })
        .await
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let account = account.clone();
        let room = room.to_owned();
        self.read("reading the inbox", move |connection| {
            inbox::entries(connection, &account, &room, limit)
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
        self.read("reading parked events", move |connection| {
            parked::newest(connection, &account, before, limit)
        })
        .await
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys = keys.to_vec();
        self.read("reading values", move |connection| {
            value::get(connection, &keys)
        })
        .await
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        let link = link.clone();
        self.read("reading a link", move |connection| {
            link::event(connection, &link)
        })
        .await
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        let event = event.to_owned();
        self.read("reading a link", move |connection| {
            link::host(connection, &event)
        })
        .await
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.write("taking a lease", move |work| {
            lease::take(work.connection, &request)
        })
        .await
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        let name = name.clone();
        self.write("releasing a lease", move |work| {
            lease::release(work.connection, &name, fence)
        })
        .await
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        self.write_alone("pruning", move |work| prune::prune(work, limits))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.close_all().await;
        Ok(())
    }
}
