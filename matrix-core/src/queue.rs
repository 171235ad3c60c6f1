//! What the engine needs of a database: the sending side.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use ruma::{OwnedEventId, OwnedUserId};

use crate::{
    Action, ClaimToken, EndpointClass, LaneId, NewRow, ParkCode, ParkReason, Row, RowId, RowKey,
    StoreError, Timestamp,
};

/// Hands rows to senders, lane by lane.
///
/// # Contract
///
/// - **Order.** A claim takes the first rows of a lane, in order, and no lane is under
///   two claims at once. A row that waits holds back its lane and no other.
/// - **No loss.** A row leaves the queue only by being sent, parked or discarded.
/// - **Fencing.** A settlement under an old [`ClaimToken`] writes nothing.
/// - **Durable.** What a call reported survives a crash.
///
/// Enqueueing is part of [`StateStore::commit`](crate::StateStore::commit); there is no
/// other way in.
#[async_trait]
pub trait OutboundQueue: fmt::Debug + Send + Sync + 'static {
    /// Takes the first due rows of up to `lanes` lanes under a claim each.
    ///
    /// A lane can be claimed when its first waiting or claimed row is due
    /// (`due <= now`), no claim on any of its rows holds, and no row parked under
    /// [`OrderPolicy::Block`](crate::OrderPolicy::Block) comes before. Lanes that became
    /// so first come first, then those with the smaller first row; a lane under a claim
    /// becomes so when the last row of the claim is settled, whatever the age of its
    /// rows, so that lanes take turns. Of a lane it takes the first rows in order, as
    /// long as they are due, of one sender's user and one class, and before any row that
    /// blocks the lane.
    ///
    /// Before these come up to `newcomers` lanes that had no turn since they last had no
    /// rows, in the opposite order: the one that became claimable last comes first, or
    /// at one time that with the larger first row. A lane had its turn when a claim of
    /// it was settled or ran out.
    ///
    /// The claim runs out at `now + ttl` (`until <= now`); what is not settled by then
    /// can be claimed again, and can be settled under the old token until it is. A new
    /// claim ends the former one for all rows of the lane, also those it does not take.
    ///
    /// A claimed row's [`first_attempt`](Row::first_attempt) is set durably, where there
    /// is none, before it is returned.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError>;

    /// Writes down what became of claimed rows, in the order given. One call is one
    /// commit.
    ///
    /// A lane is free for the next claim when all rows of its claim are settled;
    /// [`Verdict::Amend`] does not settle a row.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError>;

    /// When [`claim`](Self::claim) will next have something, paused senders apart;
    /// `None` if nothing waits but behind rows that block their lane.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How many rows there are, and how old the oldest is.
    async fn depth(&self) -> Result<QueueDepth, StoreError>;

    /// Up to `limit` rows in that state, after the row `after`, in their order.
    async fn list(
        &self,
        state: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// The rows of `keys`, in their order; `None` where there is none (any more).
    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError>;

    /// How many rows are parked, by reason, in the order of
    /// [`ParkCode::ALL`](crate::ParkCode::ALL); reasons without rows are left out.
    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError>;

    /// Puts parked rows back into their lanes at their old places, due at once, under
    /// the same transaction ids and with their first attempts, their count of attempts
    /// at 0. Returns how many there were; rows in another state stay as they are.
    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError>;

    /// Removes parked rows for good. Returns how many there were; their keys are free.
    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError>;

    /// Puts `with` at the place of a parked row, which is removed: a new row, with its
    /// own key, transaction id and no attempts, due when it was created. The lane and the
    /// id stay those of the old row. False, and nothing written, where the row is not
    /// parked or the new key is taken, also by the old row itself: a key names one row
    /// for good, and a homeserver ignores other content under a transaction id it knows.
    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError>;

    /// What became of rows since `after`, in the order in which it was written.
    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError>;

    /// Waits until another process may have made rows claimable; for ever where the store
    /// cannot know. What happens while nobody waits is told to the next who does.
    ///
    /// It only hastens: whoever sends also looks by itself, every few seconds.
    async fn changed(&self);
}

/// Asks for rows to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimRequest {
    /// The time now.
    pub now: Timestamp,
    /// How long the claims hold.
    pub ttl: Duration,
    /// How many lanes at most.
    pub lanes: usize,
    /// How many of these may be lanes that had no turn yet, before those that wait for
    /// another. With half of the lanes neither kind holds up the other for long.
    pub newcomers: usize,
    /// How many rows of a lane at most.
    pub rows_per_lane: usize,
    /// Senders that wait; a lane whose first row is theirs is passed over.
    pub paused: Vec<(OwnedUserId, EndpointClass)>,
}

/// The first rows of one lane, all of one sender and class.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Proves the claim.
    pub token: ClaimToken,
    /// The lane.
    pub lane: LaneId,
    /// Its first rows, in order; at least one.
    pub rows: Vec<Row>,
}

/// What became of one claimed row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settlement {
    /// The row.
    pub row: RowId,
    /// The claim it was under.
    pub token: ClaimToken,
    /// What became of it.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
}

/// What became of one claimed row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It was sent; the event it became, where it makes one. Its link is written too.
    Sent(Option<OwnedEventId>),
    /// It is tried again at that time.
    Retry {
        /// The earliest time of the next attempt.
        due: Timestamp,
        /// Whether this try is counted against the row.
        counted: bool,
    },
    /// It was not tried under this claim and waits as before: due when it was, and
    /// without a first attempt if this claim was the first.
    Release,
    /// It is kept for a person.
    Park(ParkReason),
    /// It is turned into a record of shadow mode, never to be sent.
    Shadow,
    /// Its action is replaced before the next attempt; the claim goes on.
    Amend(Action),
}

/// What a call of [`OutboundQueue::settle`] wrote.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// Rows that were no longer under that claim: nothing was written for them.
    pub lost: Vec<RowId>,
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListState {
    /// Waiting or claimed.
    Waiting,
    /// Parked.
    Parked,
    /// Of the parked ones those that block their lane.
    Blocking,
    /// Recorded by shadow mode.
    Shadow,
    /// Sent, as far as the records reach back.
    Sent,
}

/// Rows that are parked for one kind of reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParkedRows {
    /// The kind.
    pub code: ParkCode,
    /// How many.
    pub rows: u64,
    /// When the oldest of them was decided.
    pub oldest: Timestamp,
}

/// How much is in the queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QueueDepth {
    /// Rows waiting or claimed.
    pub waiting: u64,
    /// When the oldest of them was decided.
    pub oldest: Option<Timestamp>,
    /// Parked rows.
    pub parked: u64,
    /// Rows recorded by shadow mode.
    pub shadow: u64,
}

/// How far a host has read the outcomes; the default is the beginning.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct OutcomeCursor(pub u64);

/// What became of a row, durably.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Where to go on reading after this one.
    pub cursor: OutcomeCursor,
    /// The row's key.
    pub key: RowKey,
    /// When.
    pub at: Timestamp,
    /// What.
    pub result: OutcomeResult,
}

/// What became of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutcomeResult {
    /// Sent, as this event where it makes one.
    Sent(Option<OwnedEventId>),
    /// Parked, for this reason.
    Parked(ParkReason),
}
