//! What one commit writes: all of it, or nothing.

use std::collections::BTreeSet;

use bytes::Bytes;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};

use crate::{
    Account, Fence, Gap, Generation, InboxId, LeaseName, NewRow, ParkReason, ParkedEventId,
    Position, RawJson, SourceId, Timestamp,
};

/// Where a source stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Checkpoint {
    /// How far it was read; `None` before the first commit.
    pub position: Option<Position>,
    /// How many commits moved it.
    pub generation: Generation,
}

/// One atomic change. With [`advance`](Self::advance) it is a *source commit*, without
/// an *inbox commit* or a plain one.
///
/// Not `#[non_exhaustive]`, and without `..` in stores: a field that a store does not
/// write must not compile.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose events these are.
    pub account: Account,
    /// The time of the commit.
    pub now: Timestamp,
    /// The lease under which it is made, if it needs one.
    pub owner: Option<Owner>,
    /// The new position, if the source moved.
    pub advance: Option<Advance>,
    /// Events that will not be handled again.
    pub marks: Vec<OwnedEventId>,
    /// Rows for the outbox.
    pub rows: Vec<NewRow>,
    /// What is received and not yet handled, in its order.
    pub inbox: Vec<NewInboxEntry>,
    /// Inbox entries that are settled.
    pub inbox_done: Vec<InboxId>,
    /// Inbox entries that are to be tried again later.
    pub inbox_retry: Vec<InboxRetry>,
    /// What was read of gaps.
    pub fills: Vec<GapFill>,
    /// Events that were given up, kept for a person.
    pub parked: Vec<NewParkedEvent>,
    /// Parked events that a person decided about: they are parked no more.
    pub parked_done: Vec<ParkedEventId>,
    /// What is now known about rooms, each in full.
    pub facts: Vec<RoomFacts>,
    /// Values of handlers and adapters.
    pub values: Vec<ValueChange>,
}

impl Batch {
    /// A batch that changes nothing yet.
    #[must_use]
    pub const fn new(account: Account, now: Timestamp) -> Self {
        Self {
            account,
            now,
            owner: None,
            advance: None,
            marks: Vec::new(),
            rows: Vec::new(),
            inbox: Vec::new(),
            inbox_done: Vec::new(),
            inbox_retry: Vec::new(),
            fills: Vec::new(),
            parked: Vec::new(),
            parked_done: Vec::new(),
            facts: Vec::new(),
            values: Vec::new(),
        }
    }

    /// A gap that this fills twice, or fills and settles: what comes second would be lost.
    #[must_use]
    pub fn gap_named_twice(&self) -> Option<InboxId> {
        let mut named: BTreeSet<InboxId> = self.inbox_done.iter().copied().collect();
        let mut filled = self.fills.iter().map(|fill| fill.gap);
        filled.find(|gap| !named.insert(*gap))
    }
}

/// The lease a commit is made under.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// Which lease.
    pub lease: LeaseName,
    /// The number under which it was granted.
    pub fence: Fence,
}

/// Moves the position of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advance {
    /// Which source.
    pub source: SourceId,
    /// The generation that the batch was computed from.
    pub expected: Generation,
    /// The new position; `None` for a source that has none and only counts commits.
    pub position: Option<Position>,
}

/// What became of a batch.
#[must_use = "a stale batch wrote nothing"]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommitOutcome {
    /// Durable, in full.
    Applied,
    /// Nothing was written: somebody else was first.
    Stale(Stale),
}

/// Why a batch was refused whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stale {
    /// The source moved meanwhile. Holds where it stands now.
    Source(Checkpoint),
    /// The lease is no longer held under that number.
    Owner,
    /// An inbox entry is no longer there, or a gap to fill is not the first of its room.
    Inbox(InboxId),
    /// A parked event is no longer there.
    Parked(ParkedEventId),
}

/// Something that goes into the inbox of a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewInboxEntry {
    /// The room.
    pub room: OwnedRoomId,
    /// What it is.
    pub item: InboxItem,
    /// When it was received, or found to be missing.
    pub received: Timestamp,
    /// When it was sent. The sender's clock counts only between our last commit in the
    /// room and `received`.
    pub sent: Timestamp,
    /// Whether it was old when it came: after an outage, or from history.
    pub is_catch_up: bool,
    /// Tries so far.
    pub attempts: u32,
    /// The earliest time of the next try.
    pub due: Timestamp,
}

/// What waits in an inbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InboxItem {
    /// An event that is received and not yet handled.
    Event {
        /// Its id.
        event_id: OwnedEventId,
        /// The event as it came.
        raw: RawJson,
    },
    /// Events that are missing at this place of the room's order.
    Gap(Gap),
}

/// An entry of the inbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InboxEntry {
    /// Names it.
    pub id: InboxId,
    /// The entry.
    pub entry: NewInboxEntry,
}

/// Puts an inbox entry off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InboxRetry {
    /// Which entry.
    pub id: InboxId,
    /// Tries so far.
    pub attempts: u32,
    /// The earliest time of the next try.
    pub due: Timestamp,
}

/// Writes down what was read of a gap.
///
/// The gap has to be the first entry of its room: all before it is handled. A batch names
/// it once: one that fills it twice, or fills and settles it, is stale.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GapFill {
    /// Which gap.
    pub gap: InboxId,
    /// Entries of its room for the place right behind it, before everything else there,
    /// in their order. A gap is filled backwards, so a later fill comes before an
    /// earlier one.
    pub entries: Vec<NewInboxEntry>,
    /// What is still missing: it replaces the gap, which stays the first entry of its
    /// room under its id; `None` removes the gap.
    pub rest: Option<Gap>,
}

/// A room that has entries in the inbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InboxLane {
    /// The room.
    pub room: OwnedRoomId,
    /// How many entries wait.
    pub entries: u64,
    /// When the first of them was received.
    pub oldest: Timestamp,
}

/// An event that was given up, kept for a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParkedEvent {
    /// Names it.
    pub id: ParkedEventId,
    /// The event.
    pub event: NewParkedEvent,
}

/// An event that is given up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewParkedEvent {
    /// The room.
    pub room: OwnedRoomId,
    /// The event's id; `None` if not even that could be read.
    pub event_id: Option<OwnedEventId>,
    /// The event as it came.
    pub raw: RawJson,
    /// Why.
    pub reason: ParkReason,
    /// When.
    pub at: Timestamp,
}

/// What must be known about a room to act in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RoomFacts {
    /// The room.
    pub room: OwnedRoomId,
    /// Our own membership.
    pub membership: Membership,
    /// When we learned of that membership.
    pub since: Timestamp,
    /// Whether it was ever seen to be encrypted. It never goes back.
    pub encrypted: bool,
    /// The room that replaces it, once it is upgraded.
    pub successor: Option<OwnedRoomId>,
    /// The last event that was received there; none after we left, for then all that was
    /// said to us there is known.
    pub last_seen: Option<LastSeen>,
}

impl RoomFacts {
    /// A room of which nothing is known.
    #[must_use]
    pub const fn unknown(room: OwnedRoomId) -> Self {
        Self {
            room,
            membership: Membership::Unknown,
            since: Timestamp(0),
            encrypted: false,
            successor: None,
            last_seen: None,
        }
    }
}

/// The last event received in a room.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LastSeen {
    /// The event.
    pub event_id: OwnedEventId,
    /// When it was received.
    pub at: Timestamp,
}

/// Our own membership in a room.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// Never seen.
    Unknown,
    /// Invited.
    Invite,
    /// Joined.
    Join,
    /// Left, removed or banned.
    Leave,
}

impl Membership {
    /// Its name in a store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }
}

/// Names a value of a handler or an adapter.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ValueKey {
    /// Whose value it is.
    pub namespace: String,
    /// Which of them.
    pub key: String,
}

impl ValueKey {
    /// The value `key` of `namespace`.
    pub fn new(namespace: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            key: key.into(),
        }
    }
}

/// Sets a value, or removes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ValueChange {
    /// Which value.
    pub key: ValueKey,
    /// What it becomes; `None` removes it.
    pub value: Option<Bytes>,
}
