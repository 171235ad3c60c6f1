//! A store whose errors fail the case, and all that can be read of it.

use std::sync::Arc;

use matrix_bridge_core::{
    Batch, Checkpoint, Claim, ClaimRequest, CommitOutcome, Fence, InboxEntry, InboxLane,
    LeaseOutcome, LeaseRequest, ListState, Membership, NewRow, Outcome, OutcomeCursor, ParkedEvent,
    ParkedRows, PruneLimits, Pruned, QueueDepth, RoomFacts, Row, RowId, RowKey, Settlement, Store,
    Timestamp, Verdict,
};

use super::{
    StoreFactory,
    sample::{ALL, account, at, batch, claim_at, event, key, room, settlements, source},
};

/// A store, opened by a factory under one name.
pub(super) struct Checked {
    pub(super) store: Arc<dyn Store>,
    name: String,
}

impl Checked {
    pub(super) async fn open(factory: &dyn StoreFactory) -> Self {
        Self::open_as(factory, "store").await
    }

    pub(super) async fn open_as(factory: &dyn StoreFactory, name: &str) -> Self {
        Self {
            store: factory.open(name).await,
            name: name.to_owned(),
        }
    }

    /// The store of `other`, opened once more beside it.
    pub(super) async fn beside(factory: &dyn StoreFactory, other: &Self) -> Option<Self> {
        Some(Self {
            store: factory.open_beside(&other.name).await?,
            name: other.name.clone(),
        })
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopen(self, factory: &dyn StoreFactory) -> Self {
        let name = self.close().await;
        Self::open_as(factory, &name).await
    }

    /// Closes the store and returns its name.
    pub(super) async fn close(self) -> String {
        let Self { store, name } = self;
        store.close().await.expect("closing works");
        // A file may be locked while anybody holds the store.
        drop(store);
        name
    }

    pub(super) async fn checkpoint(&self) -> Checkpoint {
        let checkpoint = self.store.checkpoint(&source()).await;
        checkpoint.expect("the checkpoint is readable")
    }

    pub(super) async fn try_commit(&self, batch: Batch) -> CommitOutcome {
        self.store.commit(batch).await.expect("a commit works")
    }

    /// Commits a batch that is not stale.
    pub(super) async fn commit(&self, batch: Batch) {
        assert_eq!(self.try_commit(batch).await, CommitOutcome::Applied);
    }

    pub(super) async fn enqueue(&self, rows: Vec<NewRow>) {
        self.commit(Batch { rows, ..batch() }).await;
    }

    /// Whether the account has marks for the events of those names.
    pub(super) async fn seen(&self, names: &[&str]) -> Vec<bool> {
        let events: Vec<_> = names.iter().map(|name| event(name)).collect();
        let seen = self.store.seen(&account(), &events).await;
        seen.expect("marks are readable")
    }

    pub(super) async fn inbox(&self, name: &str) -> Vec<InboxEntry> {
        let entries = self.store.inbox(&account(), &room(name), ALL).await;
        entries.expect("the inbox is readable")
    }

    pub(super) async fn inbox_lanes(&self) -> Vec<InboxLane> {
        let lanes = self.store.inbox_lanes(&account(), None, ALL).await;
        lanes.expect("the inbox is readable")
    }

    pub(super) async fn parked_events(&self) -> Vec<ParkedEvent> {
        let events = self.store.parked_events(&account(), None, ALL).await;
        events.expect("parked events are readable")
    }

    pub(super) async fn values(&self, names: &[&str]) -> Vec<Option<Vec<u8>>> {
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        let values = self.store.values(&keys).await;
        let values = values.expect("values are readable");
        values.into_iter().map(|v| v.map(Into::into)).collect()
    }

    pub(super) async fn lease(&self, request: LeaseRequest) -> LeaseOutcome {
        self.store.lease(request).await.expect("leases work")
    }

    /// Takes a lease that is free.
    pub(super) async fn held(&self, request: LeaseRequest) -> Fence {
        match self.lease(request).await {
            LeaseOutcome::Held(fence) => fence,
            LeaseOutcome::Taken { until } => panic!("the lease is taken until {until}"),
        }
    }

    /// Prunes until nothing is left to be pruned.
    pub(super) async fn prune(&self, limits: PruneLimits) -> Pruned {
        let mut total = Pruned::default();
        for _ in 0..100 {
            let pruned = self.store.prune(limits).await.expect("pruning works");
            total.marks += pruned.marks;
            total.records += pruned.records;
            total.parked_events += pruned.parked_events;
            total.parked_rows += pruned.parked_rows;
            if pruned == Pruned::default() {
                return total;
            }
        }
        panic!("pruning comes to no end");
    }

    pub(super) async fn claim_with(&self, request: ClaimRequest) -> Vec<Claim> {
        self.store.claim(request).await.expect("claiming works")
    }

    /// Claims all that is due at `now`.
    pub(super) async fn claim(&self, now: u64) -> Vec<Claim> {
        self.claim_with(claim_at(now)).await
    }

    /// Claims what must be the rows of one lane.
    pub(super) async fn claim_one(&self, now: u64) -> Claim {
        let mut claims = self.claim(now).await;
        assert_eq!(claims.len(), 1, "one lane is to be claimed: {claims:?}");
        claims.remove(0)
    }

    /// Settles rows and returns those whose claim was lost.
    pub(super) async fn settle(&self, settlements: Vec<Settlement>) -> Vec<RowId> {
        let settled = self.store.settle(settlements).await;
        settled.expect("settling works").lost
    }

    /// Settles all rows of a claim that still holds in one way.
    pub(super) async fn settle_all(&self, claim: &Claim, verdict: Verdict, now: u64) {
        let lost = self.settle(settlements(claim, &verdict, now)).await;
        assert_eq!(lost, [], "the claim holds");
    }

    /// Claims all that is due and settles it in one way.
    pub(super) async fn settle_due(&self, verdict: Verdict, now: u64) {
        for claim in self.claim(now).await {
            self.settle_all(&claim, verdict.clone(), now).await;
        }
    }

    pub(super) async fn next_due(&self) -> Option<Timestamp> {
        self.store.next_due().await.expect("the queue is readable")
    }

    pub(super) async fn depth(&self) -> QueueDepth {
        self.store.depth().await.expect("the queue is readable")
    }

    pub(super) async fn list(&self, state: ListState) -> Vec<Row> {
        let rows = self.store.list(state, None, ALL).await;
        rows.expect("the queue is readable")
    }

    /// The only row in that state.
    pub(super) async fn only(&self, state: ListState) -> Row {
        let mut rows = self.list(state).await;
        assert_eq!(rows.len(), 1, "one row is {state:?}: {rows:?}");
        rows.remove(0)
    }

    pub(super) async fn requeue(&self, rows: &[RowId], now: u64) -> u64 {
        let requeued = self.store.requeue(rows, at(now)).await;
        requeued.expect("requeueing works")
    }

    pub(super) async fn discard(&self, rows: &[RowId]) -> u64 {
        let discarded = self.store.discard(rows).await;
        discarded.expect("discarding works")
    }

    pub(super) async fn replace(&self, row: RowId, with: NewRow) -> bool {
        let replaced = self.store.replace(row, with).await;
        replaced.expect("replacing works")
    }

    /// The rows of these keys.
    pub(super) async fn rows(&self, keys: &[&str]) -> Vec<Option<Row>> {
        let keys: Vec<_> = keys.iter().map(|key| RowKey::new(*key)).collect();
        let rows = self.store.rows(&keys).await;
        rows.expect("the queue is readable")
    }

    /// How many rows are parked, by reason.
    pub(super) async fn parked(&self) -> Vec<ParkedRows> {
        self.store.parked().await.expect("the queue is readable")
    }

    pub(super) async fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes_after(OutcomeCursor::default(), ALL).await
    }

    pub(super) async fn outcomes_after(&self, after: OutcomeCursor, limit: usize) -> Vec<Outcome> {
        let outcomes = self.store.outcomes(after, limit).await;
        outcomes.expect("outcomes are readable")
    }

    /// All that can be read about what [`full_batch`](super::sample::full_batch) writes
    /// under these names.
    pub(super) async fn contents(&self, names: &[&str]) -> Contents {
        let mut inbox = Vec::new();
        for name in names {
            inbox.extend(self.inbox(name).await);
        }
        Contents {
            checkpoint: self.checkpoint().await,
            seen: self.seen(names).await,
            rooms: self.joined().await,
            encrypted: self.encrypted().await,
            inbox_lanes: self.inbox_lanes().await,
            inbox,
            parked_events: self.parked_events().await,
            values: self.values(names).await,
            waiting: self.list(ListState::Waiting).await,
            parked: self.list(ListState::Parked).await,
            shadow: self.list(ListState::Shadow).await,
            sent: self.list(ListState::Sent).await,
            parked_rows: self.parked().await,
            outcomes: self.outcomes().await,
            depth: self.depth().await,
            next_due: self.next_due().await,
        }
    }

    pub(super) async fn joined(&self) -> Vec<RoomFacts> {
        let rooms = self
            .store
            .rooms(&account(), Membership::Join, None, ALL)
            .await;
        rooms.expect("facts are readable")
    }

    pub(super) async fn encrypted(&self) -> u64 {
        let encrypted = self.store.encrypted_rooms(&account()).await;
        encrypted.expect("facts are readable")
    }
}

/// What a store holds, as far as it can be read.
#[derive(Debug, PartialEq)]
pub(super) struct Contents {
    pub(super) checkpoint: Checkpoint,
    pub(super) seen: Vec<bool>,
    pub(super) rooms: Vec<RoomFacts>,
    pub(super) encrypted: u64,
    pub(super) inbox_lanes: Vec<InboxLane>,
    pub(super) inbox: Vec<InboxEntry>,
    pub(super) parked_events: Vec<ParkedEvent>,
    pub(super) values: Vec<Option<Vec<u8>>>,
    pub(super) waiting: Vec<Row>,
    pub(super) parked: Vec<Row>,
    pub(super) shadow: Vec<Row>,
    pub(super) sent: Vec<Row>,
    pub(super) parked_rows: Vec<ParkedRows>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) depth: QueueDepth,
    pub(super) next_due: Option<Timestamp>,
}
