//! The identifiers that are ours; Matrix's own come from `ruma`.

use std::fmt;

use ruma::{OwnedDeviceId, OwnedTransactionId, OwnedUserId, TransactionId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Makes a newtype around `String` with the conversions that all of ours share.
macro_rules! string_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes `value` as it is.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

string_id! {
    /// Whose events these are: one dedupe scope, one inbox, one ingester at a time.
    ///
    /// For a bot the user id; for an appservice its id.
    Account
}
string_id! {
    /// One stream of events with a position of its own.
    SourceId
}
string_id! {
    /// How far a source was read, in the source's own words (`next_batch` for `/sync`).
    Position
}
string_id! {
    /// What is sent in order: a room, or a conversation that has no room yet.
    LaneId
}
string_id! {
    /// Names a row for good: enqueueing a key that is there changes nothing.
    RowKey
}
string_id! {
    /// Names work that only one process may do at a time.
    LeaseName
}

impl From<&UserId> for Account {
    fn from(user: &UserId) -> Self {
        Self::new(user.as_str())
    }
}

impl From<&ruma::RoomId> for LaneId {
    fn from(room: &ruma::RoomId) -> Self {
        Self::new(room.as_str())
    }
}

impl RowKey {
    /// The key of the `index`th effect that `account` derived from an event.
    ///
    /// The same event gives the same keys whenever it is handled, so that handling
    /// it again after a crash enqueues nothing twice.
    #[must_use]
    pub fn effect(account: &Account, event: &ruma::EventId, index: usize) -> Self {
        Self(format!("{account}/{event}/{index}"))
    }

    /// The key of the `index`th effect that `account` derived from a hole in a room,
    /// which lies between two places of the room's history.
    #[must_use]
    pub fn missed(
        account: &Account,
        room: &ruma::RoomId,
        (after, before): (&str, &str),
        index: usize,
    ) -> Self {
        Self(format!("{account}/missed/{room}/{after}/{before}/{index}"))
    }

    /// The key of the row that takes this one's place: the same each time it is asked,
    /// and another for the row that takes that one's place.
    #[must_use]
    pub fn successor(&self) -> Self {
        let (base, count) = match self.0.rsplit_once('~') {
            Some((base, count)) => (base, count.parse().ok()),
            None => (self.0.as_str(), Some(0)),
        };
        match count {
            Some(count) => Self(format!("{base}~{}", u64::saturating_add(count, 1))),
            // A host's own key, in which the sign means something else.
            None => Self(format!("{}~1", self.0)),
        }
    }

    /// The transaction id of this row when `sender` sends it.
    ///
    /// It is a digest of both, so it is unique over all senders (Synapse lets two
    /// ghosts with one id swallow each other), and even a store that was deleted gives
    /// the same id for the same answer, which the homeserver then recognizes.
    #[must_use]
    pub fn transaction_id(&self, sender: &UserId) -> OwnedTransactionId {
        let mut digest = Sha256::new();
        digest.update(sender.as_str());
        digest.update([0]);
        digest.update(&self.0);
        let text: String = digest
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        <&TransactionId>::from(text.as_str()).to_owned()
    }
}

/// Who sends: the user, and the device that the homeserver's memory of transaction
/// ids hangs on.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Identity {
    /// The sending user.
    pub user: OwnedUserId,
    /// Its device. Without one a homeserver may double a message after its restart.
    pub device: Option<OwnedDeviceId>,
}

/// Counts the commits of a source; a commit computed from an older one is refused.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Generation(pub u64);

/// The number of a lease holder; it grows with every change of hands.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Fence(pub u64);

/// The place of a row in the outbox; later rows have larger ids.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct RowId(pub u64);

/// Names an entry of the inbox; later entries have larger ids. A room's order is not
/// that of the ids: what fills a gap comes before what was received earlier.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct InboxId(pub u64);

/// Names a parked event; later ones have larger ids.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct ParkedEventId(pub u64);

/// Proves a claim on a lane; a settlement under an older one writes nothing.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct ClaimToken(pub u64);
