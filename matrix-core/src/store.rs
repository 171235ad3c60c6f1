//! What the engine needs of a database: the taking-in side.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use ruma::{OwnedEventId, RoomId};

use crate::{
    Account, Batch, Checkpoint, CommitOutcome, Fence, HostLink, InboxEntry, InboxLane, LeaseName,
    Membership, OutboundQueue, ParkedEvent, ParkedEventId, RoomFacts, SourceId, StoreError,
    Timestamp, ValueKey,
};

/// Keeps positions, marks, the inbox, facts about rooms, values and leases.
///
/// # Contract
///
/// - **Atomic.** After [`commit`](Self::commit) returns, fails, or the process dies in
///   it, the batch is there in full or not at all.
/// - **Durable.** What `commit` reported as applied survives a crash and a loss of power.
/// - **Fenced.** A batch from an older generation, from a lease that changed hands, or
///   about an inbox event that is gone writes nothing.
/// - **Idempotent.** Storing a mark, a row key or a fact again changes nothing.
/// - **No clock, no randomness.** The same calls leave the same contents.
/// - **No id comes back.** Ids of rows and inbox events, claim tokens, cursors and
///   fences only grow, also over restarts and when the newest was removed.
///
/// Accounts share nothing but sources, values, leases and the outbox.
///
/// Errors are retryable where [`StoreError::is_retryable`] says so, on every method.
#[async_trait]
pub trait StateStore: fmt::Debug + Send + Sync + 'static {
    /// Where `source` stands; the default for one that never committed.
    async fn checkpoint(&self, source: &SourceId) -> Result<Checkpoint, StoreError>;

    /// For each of `events`, whether `account` has a mark for it.
    ///
    /// A room's [`last_seen`](RoomFacts::last_seen) event counts as marked.
    async fn seen(
        &self,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError>;

    /// Writes one batch: all of it, durably, or nothing.
    ///
    /// Checked in this order: the owner (the lease was not released or taken over under
    /// another fence; that it ran out does not matter while nobody else took it), the
    /// source's generation, that the inbox entries exist and are `account`'s and the
    /// gaps to fill are the first of their rooms, and that the parked events exist and
    /// are `account`'s. An applied [`advance`](Batch::advance) makes the generation one
    /// larger.
    ///
    /// A room's inbox has the order of the commits, and within a batch that of its
    /// entries; only a [fill](crate::GapFill) puts entries before others, right behind
    /// its gap.
    ///
    /// Rows whose key is there already (waiting, parked, shadow or sent and not yet
    /// pruned) are left as they are. Order within a lane is the order of the commits,
    /// and within a batch the order of its rows. A row that is
    /// [parked](crate::Disposition::Park) from the start has an outcome at the time of
    /// the batch. Where a batch names a room or a value twice, the last one holds.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unknown`](crate::StoreErrorKind::Unknown) when the answer was
    /// lost: read the checkpoint before going on.
    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError>;

    /// What is known about each of `rooms`.
    async fn facts(
        &self,
        account: &Account,
        rooms: &[&RoomId],
    ) -> Result<Vec<Option<RoomFacts>>, StoreError>;

    /// Up to `limit` rooms with that membership, after the room `after`, by room id.
    async fn rooms(
        &self,
        account: &Account,
        membership: Membership,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomFacts>, StoreError>;

    /// How many rooms of `account` are encrypted.
    async fn encrypted_rooms(&self, account: &Account) -> Result<u64, StoreError>;

    /// Up to `limit` rooms with inbox entries, after the room `after`, by room id.
    async fn inbox_lanes(
        &self,
        account: &Account,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<InboxLane>, StoreError>;

    /// The first `limit` inbox entries of `room`, in their order.
    async fn inbox(
        &self,
        account: &Account,
        room: &RoomId,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// Up to `limit` parked events that are older than `before`, newest first.
    async fn parked_events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError>;

    /// The values of `keys`, in their order; `None` where there is none.
    async fn values(&self, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// The event that a host's message is linked to.
    ///
    /// Links are one to one: a newer one replaces what either side was linked to. They
    /// are not pruned.
    async fn linked_event(&self, link: &HostLink) -> Result<Option<OwnedEventId>, StoreError>;

    /// The host's message that an event is linked to.
    async fn linked_host(&self, event: &ruma::EventId) -> Result<Option<HostLink>, StoreError>;

    /// Takes or renews a lease, from then on until `now + ttl`.
    ///
    /// A holder that still has it keeps its fence. Whoever takes it after it ran out
    /// (`until <= now`) or was released gets a larger one, also its former holder.
    async fn lease(&self, request: LeaseRequest) -> Result<LeaseOutcome, StoreError>;

    /// Lets go of a lease that is held under `fence`; another fence changes nothing.
    async fn release(&self, name: &LeaseName, fence: Fence) -> Result<(), StoreError>;

    /// Forgets what is past its age or count. One call does a bounded amount of work.
    async fn prune(&self, limits: PruneLimits) -> Result<Pruned, StoreError>;

    /// Waits for running calls and lets go of files and connections.
    ///
    /// Later calls fail with [`StoreErrorKind::Closed`](crate::StoreErrorKind::Closed);
    /// only closing again is no error.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Asks for a lease.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseRequest {
    /// Which work.
    pub name: LeaseName,
    /// Who asks; unique for the life of a process.
    pub holder: String,
    /// The time now.
    pub now: Timestamp,
    /// How long it is to hold without being renewed.
    pub ttl: Duration,
}

/// What became of a [`LeaseRequest`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseOutcome {
    /// It is held under this number.
    Held(Fence),
    /// Somebody else holds it until then.
    Taken {
        /// When it runs out if it is not renewed.
        until: Timestamp,
    },
}

/// What may be forgotten.
///
/// The event that is a room's [`last_seen`](RoomFacts::last_seen) keeps its mark
/// whatever the limits say: a redelivery of it can always happen. Counts are of the
/// whole store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PruneLimits {
    /// Marks set before this time go.
    pub marks_before: Timestamp,
    /// At most about this many marks stay, the newest.
    pub marks_max: u64,
    /// Rows sent, rows recorded by shadow mode and outcomes from before this time go.
    pub records_before: Timestamp,
    /// At most about this many of each of these three stay, the newest.
    pub records_max: u64,
    /// At most this many parked events stay, the newest.
    pub parked_events_max: u64,
    /// At most about this many parked rows stay, the newest. Those that block their lane
    /// stay whatever the number: each lane has one at most.
    pub parked_rows_max: u64,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    /// Marks.
    pub marks: u64,
    /// Records of sent and shadow rows; outcomes are not counted.
    pub records: u64,
    /// Parked events.
    pub parked_events: u64,
    /// Parked rows.
    pub parked_rows: u64,
    /// Whether there is more to forget than one call takes: it wants to be called again
    /// soon.
    pub has_more: bool,
}

/// A backend that is both sides of one database.
pub trait Store: StateStore + OutboundQueue {}

impl<T: StateStore + OutboundQueue + ?Sized> Store for T {}

// The traits are used as `dyn`; this fails to compile when one stops allowing it.
const _: fn(&dyn Store) = |_| {};
