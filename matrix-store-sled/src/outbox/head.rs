//! What changes of a row, and the keys under which it is found.

use matrix_bridge_core::{
    ClaimToken, Digest, EndpointClass, Identity, LaneId, OrderPolicy, ParkReason, Row, RowBody,
    RowId, RowKey, RowState, Timestamp,
    ruma::{OwnedEventId, OwnedTransactionId},
};
use serde::{Deserialize, Serialize};

use crate::tree::{Key, Table, count, digest_of, digest_of_pair};

/// A row without its body, which is large and hardly ever changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Head {
    pub(crate) key: RowKey,
    pub(crate) lane: LaneId,
    pub(crate) sender: Identity,
    pub(crate) class: EndpointClass,
    pub(crate) transaction_id: OwnedTransactionId,
    /// What the lane does when the row cannot be sent.
    pub(crate) order: OrderPolicy,
    pub(crate) created: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) first_attempt: Option<Timestamp>,
    /// When it may be sent; it outlasts a claim, for the row may come back from it.
    pub(crate) due: Timestamp,
    /// Whether the current claim was the first to hand it to a sender.
    pub(crate) is_first_claim: bool,
    pub(crate) state: State,
}

/// Where a row stands, and since when if it is out of its lane.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum State {
    Waiting,
    Claimed(ClaimToken),
    Parked(Timestamp, ParkReason),
    Shadow(Timestamp),
    Sent(Timestamp, Option<OwnedEventId>),
}

/// The states as they are counted and listed; the numbers are in files.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Standing {
    /// Waiting or claimed.
    Waiting = 0,
    Parked = 1,
    Shadow = 2,
    Sent = 3,
    /// Besides [`Parked`](Self::Parked): those that block their lane.
    Blocking = 4,
}

impl Standing {
    /// All rows that stand so, by id.
    pub(crate) fn rows(self) -> Key {
        Key::of(Table::RowByState).byte(self as u8)
    }

    /// How many there are.
    pub(crate) fn count(self) -> Key {
        count::key("rows ").byte(self as u8)
    }

    /// Those that can be forgotten, oldest first.
    pub(crate) fn settled(self) -> Key {
        Key::of(Table::Settled).byte(self as u8)
    }
}

/// How many rows are parked for that kind of reason.
pub(crate) fn parked_count(code: &str) -> Key {
    count::key("parked ").text(code)
}

/// These rows, oldest first.
pub(crate) fn parked_by_age(code: &str) -> Key {
    Key::of(Table::ParkedByAge).digest(&digest_of(code))
}

/// What the homeserver's limits hang on.
pub(crate) fn kind_of(user: &str, class: EndpointClass) -> Digest {
    digest_of_pair(class.as_str(), user)
}

impl Head {
    pub(crate) fn into_row(self, id: RowId, body: RowBody) -> Row {
        Row {
            id,
            state: match self.state {
                State::Waiting => RowState::Waiting { due: self.due },
                State::Claimed(token) => RowState::Claimed { token },
                State::Parked(_, reason) => RowState::Parked { reason },
                State::Shadow(_) => RowState::Shadow,
                State::Sent(_, event_id) => RowState::Sent { event_id },
            },
            key: self.key,
            lane: self.lane,
            sender: self.sender,
            class: self.class,
            transaction_id: self.transaction_id,
            body,
            created: self.created,
            attempts: self.attempts,
            first_attempt: self.first_attempt,
        }
    }

    /// Whether its lane waits for a person.
    fn blocks(&self) -> bool {
        self.order == OrderPolicy::Block
    }

    /// The keys under which the row is found.
    pub(super) fn orders(&self, id: RowId) -> Vec<Key> {
        let Self { lane, created, .. } = self;
        let of_lane = |table| Key::of(table).lane(lane);
        let mut keys = match &self.state {
            State::Waiting => vec![of_lane(Table::LaneRow), waiting_by_age(*created)],
            State::Claimed(_) => vec![
                of_lane(Table::LaneRow),
                of_lane(Table::LaneClaimed),
                waiting_by_age(*created),
            ],
            State::Parked(at, reason) => {
                let by_age = parked_by_age(reason.code.as_str()).time(*created);
                match self.blocks() {
                    true => vec![
                        by_age,
                        of_lane(Table::LaneBlocking),
                        Standing::Blocking.rows(),
                    ],
                    false => vec![by_age, Standing::Parked.settled().time(*at)],
                }
            }
            State::Shadow(at) => vec![Standing::Shadow.settled().time(*at)],
            State::Sent(at, _) => vec![Standing::Sent.settled().time(*at)],
        };
        keys.push(self.standing().rows());
        keys.into_iter().map(|key| key.number(id.0)).collect()
    }

    /// The counts that it is in.
    pub(super) fn counts(&self) -> Vec<Key> {
        let mut counts = vec![self.standing().count()];
        if let State::Parked(_, reason) = &self.state {
            counts.push(parked_count(reason.code.as_str()));
            counts.extend(self.blocks().then(|| Standing::Blocking.count()));
        }
        counts
    }

    const fn standing(&self) -> Standing {
        match self.state {
            State::Waiting | State::Claimed(_) => Standing::Waiting,
            State::Parked(..) => Standing::Parked,
            State::Shadow(_) => Standing::Shadow,
            State::Sent(..) => Standing::Sent,
        }
    }
}

fn waiting_by_age(created: Timestamp) -> Key {
    Key::of(Table::WaitingByAge).time(created)
}
