//! The reference store: what the contract means, in memory.

mod contents;
mod inbox;
mod lease;
mod mark;
mod prune;
mod queue;
mod record;
mod room;
mod settle;
mod state;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use ruma::{EventId, OwnedEventId, RoomId};

use self::state::State;
use crate::{
    Account, Batch, Checkpoint, Claim, ClaimRequest, CommitOutcome, Fence, HostLink, InboxEntry,
    InboxLane, LeaseName, LeaseOutcome, LeaseRequest, ListState, Membership, NewRow, OutboundQueue,
    Outcome, OutcomeCursor, ParkedEvent, ParkedEventId, ParkedRows, PruneLimits, Pruned,
    QueueDepth, RoomFacts, Row, RowId, RowKey, Settled, Settlement, SourceId, StateStore,
    StoreError, StoreErrorKind, Timestamp, ValueKey,
};

/// Keeps everything in memory, for tests and for trying things out.
///
/// It is the meaning of the contract: every other store is held to what this one does.
/// Its contents end with the process, so nothing real may be sent through it.
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    is_closed: AtomicBool,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::over(Arc::default())
    }

    /// The same contents, opened again; it does not matter whether `self` is closed.
    ///
    /// It stands for a restart: a test closes one store and goes on with the other.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self::over(Arc::clone(&self.state))
    }

    /// A copy of the contents as they are now, which from then on is a store of its own.
    ///
    /// It stands for a backup: a test goes on with this one and later starts with that.
    #[must_use]
    pub fn backup(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Self::over(Arc::new(Mutex::new(state.clone())))
    }

    const fn over(state: Arc<Mutex<State>>) -> Self {
        Self {
            state,
            is_closed: AtomicBool::new(false),
        }
    }

    /// Runs one call, alone.
    fn call<T>(&self, doing: &str, run: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        self.call_unfinished(doing, |state| match state.is_unfinished {
            false => Ok(run(state)),
            true => Err(StoreError::new(StoreErrorKind::Invalid, doing)
                .with_source("a copy into this store was not finished; copy again")),
        })?
    }

    /// The same, also while it is filled by a copy.
    fn call_unfinished<T>(
        &self,
        doing: &str,
        run: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StoreError> {
        // A panic elsewhere cannot leave the state half changed: each call checks
        // everything first and then only writes.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Closed, doing));
        }
        Ok(run(&mut state))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("is_closed", &self.is_closed)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError> {
        self.call("reading a checkpoint", |state| state.checkpoint(source))
    }

    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        self.call("reading marks", |state| {
            events.iter().map(|id| state.is_seen(account, id)).collect()
        })
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        self.call("committing a batch", |state| state.commit(batch))
    }

    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError> {
        self.call("reading facts", |state| state.rooms.facts(account, rooms))
    }

    async fn rooms(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomFacts>, StoreError> {
        self.call("listing rooms", |state| {
            state.rooms.list(account, membership, after, limit)
        })
    }

    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError> {
        self.call("counting rooms", |state| state.rooms.encrypted(account))
    }

    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError> {
        self.call("listing the inbox", |state| {
            state.inbox.lanes(account, after, limit)
        })
    }

    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.call("reading the inbox", |state| {
            state.inbox.first(account, room, limit)
        })
    }

    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        self.call("reading parked events", |state| {
            state.parked_events(account, before, limit)
        })
    }

    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.call("reading values", |state| state.values(keys))
    }

    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError> {
        self.call("reading a link", |state| state.queue.links.event(link))
    }

    async fn linked_host(&self, event: &EventId) -> Result<Option<HostLink>, StoreError> {
        self.call("reading a link", |state| state.queue.links.host(event))
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        self.call("taking a lease", |state| state.leases.take(request))
    }

    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError> {
        self.call("releasing a lease", |state| {
            state.leases.release(name, fence);
        })
    }

    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError> {
        self.call("pruning", |state| state.prune(limits))
    }

    async fn close(&self) -> Result<(), StoreError> {
        // Under the lock: a call that runs is waited for.
        let _state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl OutboundQueue for MemoryStore {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.call("claiming rows", |state| state.queue.claim(&request))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        self.call("settling rows", |state| state.queue.settle(settlements))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.call("reading the next due time", |state| state.queue.next_due())
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.call("counting rows", |state| state.queue.depth())
    }

    async fn list(
        &self,
        which: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.call("listing rows", |state| {
            state.queue.list(which, after, limit)
        })
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.call("reading rows", |state| state.queue.rows(keys))
    }

    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError> {
        self.call("counting parked rows", |state| state.queue.parked())
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        self.call("requeueing rows", |state| state.queue.requeue(rows, now))
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        self.call("discarding rows", |state| state.queue.discard(rows))
    }

    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError> {
        self.call("replacing a row", |state| state.queue.replace(row, with))
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.call("reading outcomes", |state| {
            state.queue.outcomes.list(after, limit)
        })
    }

    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}
