//! Stores whose calls fail or die as a script says, such as at a chosen call.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

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
    script: S,
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

/// On which side of its effect a call dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Nothing was done: it fails with [`StoreErrorKind::Unavailable`].
    Before,
    /// It was done, and the answer is lost: it fails with [`StoreErrorKind::Unknown`].
    After,
}

/// Passes calls on until the one that is to crash; from then on it is closed.
///
/// A crash test has no list of places to crash at. It finds them: it runs with `at` = 0,
/// 1, 2, … until a run ends without having [crashed](Self::crashed), and goes on each
/// time with the store inside, as after a restart.
///
/// ```
/// use std::sync::Arc;
///
/// use matrix_bridge_core::{Account, Batch, MemoryStore, SourceId, StateStore, Timestamp};
/// use matrix_bridge_testkit::crash::{CrashingStore, Side};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let memory = Arc::new(MemoryStore::new());
/// let store = CrashingStore::new(memory.clone(), 1, Side::After);
/// let batch = Batch::new(Account::new("@bot:example.org"), Timestamp(1));
///
/// assert!(store.checkpoint(&SourceId::new("sync")).await.is_ok());
/// assert!(store.commit(batch.clone()).await.is_err());
/// assert!(store.crashed());
/// assert!(store.commit(batch).await.is_err());
/// assert_eq!(store.calls(), 2);
/// # }
/// ```
pub type CrashingStore = ScriptedStore<CrashAt>;

/// The script of a [`CrashingStore`].
#[derive(Debug)]
pub struct CrashAt {
    at: u64,
    side: Side,
    lives_on: bool,
    calls: AtomicU64,
    crashed: AtomicBool,
}

impl CrashingStore {
    /// `inner`, dying at its call number `at`; the first call is number 0.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, at: u64, side: Side) -> Self {
        Self::with_script(inner, CrashAt::new(at, side, false))
    }

    /// `inner`, failing at its call number `at` and at no other: a full disk that was
    /// emptied, a database that was restarted.
    #[must_use]
    pub fn hiccup(inner: Arc<dyn Store>, at: u64, side: Side) -> Self {
        Self::with_script(inner, CrashAt::new(at, side, true))
    }

    /// How many calls there were, with the one that crashed and without those after it.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.script.calls.load(Ordering::SeqCst)
    }

    /// Whether the call that was to fail was made.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.script.crashed.load(Ordering::SeqCst)
    }
}

impl CrashAt {
    const fn new(at: u64, side: Side, lives_on: bool) -> Self {
        Self {
            at,
            side,
            lives_on,
            calls: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl StoreScript for CrashAt {
    async fn next(&self, _: &str) -> Fate {
        if self.crashed.load(Ordering::SeqCst) && !self.lives_on {
            return Fate::NotDone(StoreErrorKind::Closed);
        }
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.at {
            return Fate::Done;
        }
        self.crashed.store(true, Ordering::SeqCst);
        match self.side {
            Side::Before => Fate::NotDone(StoreErrorKind::Unavailable),
            Side::After => Fate::Unanswered,
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
}
