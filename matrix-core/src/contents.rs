//! Everything that is in a store, record by record, for moving it into another.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use ruma::OwnedEventId;

use crate::{
    Account, Checkpoint, Digest, Fence, HostLink, InboxEntry, LeaseName, Outcome, ParkedEvent,
    RoomFacts, Row, SourceId, StoreError, Timestamp, ValueKey,
};

/// A store that can be [copied](crate::copy()) into another, and another into it.
///
/// Nobody works on it meanwhile: it is opened for nothing but this.
#[async_trait]
pub trait Contents: fmt::Debug + Send + Sync {
    /// How many records there are, about; for showing progress.
    async fn size(&self) -> Result<u64, StoreError>;

    /// Up to `limit` records from `place` on. Every record comes once; those of one kind
    /// come together, in the order that [`Record`] says.
    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError>;

    /// Makes ready for records. What an interrupted copy has left is removed. Until
    /// [`finish`](Self::finish) the store is unfinished, durably, and no engine can use it.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`](crate::StoreErrorKind::Invalid) for a store that is not
    /// empty; it stays as it is.
    async fn begin(&self) -> Result<(), StoreError>;

    /// Takes records in, in the order in which they were read.
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError>;

    /// Makes the store one that an engine can use, durably.
    async fn finish(&self) -> Result<(), StoreError>;
}

/// How far a store was read, in its own words; the default is its beginning.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Which part of the store.
    pub part: usize,
    /// After what in that part; empty for its beginning.
    pub after: String,
}

/// Some of what is in a store.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on reading; `None` where that was all.
    pub next: Option<Place>,
}

/// One thing that a store keeps.
///
/// Not `#[non_exhaustive]`: a record that a store does not take in must not compile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// Where a source stands.
    Source {
        /// Which source.
        source: SourceId,
        /// Where it stands.
        checkpoint: Checkpoint,
    },
    /// A mark; they come in the order in which they were set.
    Mark {
        /// Of which event of which account.
        digest: Digest,
        /// When it was set.
        at: Timestamp,
    },
    /// What is known about a room.
    Room {
        /// Who knows it.
        account: Account,
        /// What.
        facts: RoomFacts,
    },
    /// An entry of the inbox; those of a room come in their order.
    Inbox {
        /// Whose inbox.
        account: Account,
        /// How many entries of its room come before it.
        place: u64,
        /// The entry, under its id.
        entry: InboxEntry,
    },
    /// An event that was given up.
    ParkedEvent {
        /// Whose it is.
        account: Account,
        /// The event, under its id.
        event: ParkedEvent,
    },
    /// A value of a handler or an adapter.
    Value {
        /// Which value.
        key: ValueKey,
        /// What it is.
        value: Bytes,
    },
    /// The last number under which a lease was granted; nobody holds it.
    Lease {
        /// Which lease.
        name: LeaseName,
        /// The number.
        fence: Fence,
    },
    /// A row; they come in the order of their ids. None is under a claim: what was
    /// [claimed](crate::RowState::Claimed) waits, due as before.
    Row {
        /// The row, under its id.
        row: Box<Row>,
        /// When it came into its state, if that is sent, shadow or parked.
        settled: Option<Timestamp>,
    },
    /// What became of a row; they come in the order of their cursors.
    Outcome(Outcome),
    /// Which event is which message of the host.
    Link {
        /// The message.
        link: HostLink,
        /// The event.
        event: OwnedEventId,
    },
    /// The last number that was given to something: the next one is larger.
    Last {
        /// To what.
        of: Counted,
        /// The number; 0 where none was.
        number: u64,
    },
}

/// What a store counts up for good.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Counted {
    /// [`RowId`](crate::RowId).
    Rows,
    /// [`InboxId`](crate::InboxId).
    Inbox,
    /// [`ParkedEventId`](crate::ParkedEventId).
    ParkedEvents,
    /// [`ClaimToken`](crate::ClaimToken).
    Claims,
    /// [`OutcomeCursor`](crate::OutcomeCursor).
    Outcomes,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Rows,
        Self::Inbox,
        Self::ParkedEvents,
        Self::Claims,
        Self::Outcomes,
    ];
}
