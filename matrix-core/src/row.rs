//! What was decided to be sent: the rows of the outbox.

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId};
use serde::{Deserialize, Serialize};

use crate::{ClaimToken, Identity, LaneId, ParkReason, RawJson, RowId, RowKey, Timestamp};

/// A row on its way into the outbox.
///
/// Taken apart in full by every store, so that a new field cannot be forgotten.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewRow {
    /// Names the row for good.
    pub key: RowKey,
    /// What it keeps its order in. It does not change when a room is upgraded.
    pub lane: LaneId,
    /// Who sends it.
    pub sender: Identity,
    /// What the homeserver counts it as.
    pub class: EndpointClass,
    /// The row's one transaction id, for life.
    pub transaction_id: OwnedTransactionId,
    /// What is sent, and where.
    pub body: RowBody,
    /// Whether it is for sending at all.
    pub disposition: Disposition,
    /// When it was decided.
    pub created: Timestamp,
}

/// What a row sends, where to, and under which rules. Stores keep it as one value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RowBody {
    /// What to do.
    pub action: Action,
    /// Where.
    pub address: Address,
    /// The event that this row answers, if one caused it.
    pub cause: Option<OwnedEventId>,
    /// When that event was sent, where it was old when it came. A store that is gone or
    /// was restored from a backup may have answered it since then.
    #[serde(default)]
    pub caused_at: Option<Timestamp>,
    /// After this the row is not sent but parked.
    pub deadline: Option<Timestamp>,
    /// What the lane does when this row cannot be sent.
    pub order: OrderPolicy,
    /// The host's message that this row is, linked to the event when it is sent.
    pub link: Option<HostLink>,
}

/// One request to the homeserver. With the address and the row's transaction id it
/// holds every input of the request path, so that each attempt asks the same.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Action {
    /// `PUT /rooms/{room}/send/{type}/{transaction id}`.
    Message {
        /// The event type, such as `m.room.message`.
        event_type: String,
        /// The event's content.
        content: RawJson,
    },
    /// A [`Message`](Self::Message) about an event that another row becomes: an edit or
    /// a reaction. It is turned into one before the first attempt.
    Relate {
        /// The event type.
        event_type: String,
        /// The event's content; the `event_id` of its `m.relates_to` is put in.
        content: RawJson,
        /// The row that it is about.
        target: RowKey,
    },
    /// `PUT /rooms/{room}/state/{type}/{key}`.
    State {
        /// The event type.
        event_type: String,
        /// The state key.
        state_key: String,
        /// The event's content.
        content: RawJson,
    },
    /// `PUT /rooms/{room}/redact/{event}/{transaction id}`.
    Redact {
        /// What is redacted.
        target: Target,
        /// Why, for people to read.
        reason: Option<String>,
    },
    /// `POST /rooms/{room}/join`.
    Join,
    /// `POST /rooms/{room}/leave`; of an invite, its refusal.
    Leave,
    /// `POST /rooms/{room}/invite`.
    Invite {
        /// Who is invited.
        user: OwnedUserId,
    },
}

impl Action {
    /// The same with another content; `None` for an action that has none.
    #[must_use]
    pub fn with_content(&self, content: RawJson) -> Option<Self> {
        let mut changed = self.clone();
        match &mut changed {
            Self::Message { content: old, .. }
            | Self::Relate { content: old, .. }
            | Self::State { content: old, .. } => *old = content,
            _ => return None,
        }
        Some(changed)
    }

    /// Whether it makes a message event, which an encrypted room must not get in plain.
    pub(crate) const fn is_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Relate { .. })
    }

    /// The row without whose event it cannot be sent.
    pub(crate) const fn depends_on(&self) -> Option<&RowKey> {
        match self {
            Self::Relate { target, .. }
            | Self::Redact {
                target: Target::Row(target),
                ..
            } => Some(target),
            _ => None,
        }
    }
}

/// Where a row goes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Address {
    /// A room that exists.
    Room(OwnedRoomId),
}

impl Address {
    /// The room, once it is known.
    #[must_use]
    pub const fn room(&self) -> &OwnedRoomId {
        match self {
            Self::Room(room) => room,
        }
    }
}

/// What a row changes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Target {
    /// An event that exists.
    Event(OwnedEventId),
    /// The event that a row becomes, or became. If that row is parked, so is this one.
    Row(RowKey),
}

impl From<OwnedEventId> for Target {
    fn from(event: OwnedEventId) -> Self {
        Self::Event(event)
    }
}

impl From<&EventId> for Target {
    fn from(event: &EventId) -> Self {
        Self::Event(event.to_owned())
    }
}

impl From<&OwnedEventId> for Target {
    fn from(event: &OwnedEventId) -> Self {
        Self::Event(event.clone())
    }
}

impl From<RowKey> for Target {
    fn from(row: RowKey) -> Self {
        Self::Row(row)
    }
}

/// What the lane does when a row of it cannot be sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum OrderPolicy {
    /// The row is parked and the lane goes on.
    #[default]
    GoOn,
    /// The row is parked and the lane waits until a person decided about it.
    Block,
}

/// The host's name for a message, or a part of one.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct HostLink {
    /// Which of the host's id spaces.
    pub namespace: String,
    /// The host's id.
    pub id: String,
    /// Which part of the message; 0 where it has only one.
    pub part: u32,
    /// What the event is to the message: `primary`, `edit`, ….
    pub kind: String,
}

/// What the homeserver counts a request as. Limits and pauses hang on a sender and
/// one of these.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndpointClass {
    /// Messages, state and redactions: one bucket on Synapse.
    Event,
    /// Invites.
    Invite,
    /// Joins and leaves.
    Join,
    /// Display names and avatars.
    Profile,
    /// Uploads and downloads.
    Media,
    /// Logins and registrations.
    Login,
    /// Everything that only reads.
    Read,
}

impl EndpointClass {
    /// Its name in a store and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Invite => "invite",
            Self::Join => "join",
            Self::Profile => "profile",
            Self::Media => "media",
            Self::Login => "login",
            Self::Read => "read",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Event,
            Self::Invite,
            Self::Join,
            Self::Profile,
            Self::Media,
            Self::Login,
            Self::Read,
        ]
        .into_iter()
        .find(|class| class.as_str() == name)
    }
}

/// Whether a row is for sending.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// To be sent when its turn comes.
    Send,
    /// Recorded only, by shadow mode; never to be sent.
    Shadow,
    /// Kept for a person from the start.
    Park(ParkReason),
}

/// A row in the outbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// Its place.
    pub id: RowId,
    /// Names the row for good.
    pub key: RowKey,
    /// What it keeps its order in.
    pub lane: LaneId,
    /// Who sends it.
    pub sender: Identity,
    /// What the homeserver counts it as.
    pub class: EndpointClass,
    /// The row's one transaction id, for life.
    pub transaction_id: OwnedTransactionId,
    /// What is sent, and where.
    pub body: RowBody,
    /// When it was decided.
    pub created: Timestamp,
    /// Attempts that failed through the row itself or a failing server.
    pub attempts: u32,
    /// When it was first handed to a sender. From then on the homeserver may know it.
    pub first_attempt: Option<Timestamp>,
    /// Where it stands.
    pub state: RowState,
}

/// Where a row stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RowState {
    /// Waits for its turn, not before `due`.
    Waiting {
        /// The earliest time of the next attempt.
        due: Timestamp,
    },
    /// Handed to a worker.
    Claimed {
        /// The claim it is under.
        token: ClaimToken,
    },
    /// Given up for now, kept for a person.
    Parked {
        /// Why.
        reason: ParkReason,
    },
    /// Recorded by shadow mode.
    Shadow,
    /// Done.
    Sent {
        /// The event it became; `None` for an action that makes none.
        event_id: Option<OwnedEventId>,
    },
}
