//! From what a handler decided to rows of the outbox.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedRoomId};

use super::work::{Subject, Work};
use crate::{
    Account, Action, Address, Disposition, LaneId, NewRow, ParkCode, ParkReason, RowBody, RowKey,
    StoreError, Timestamp, effect::Send, marker::marked_len, shared::Shared,
};

/// Of the 65,536 bytes of an event this much is left for its envelope.
const ENVELOPE: usize = 2_048;

/// The longest content of an event, in bytes of JSON.
pub const MAX_CONTENT: usize = 65_536 - ENVELOPE;

/// Makes rows, and remembers for one commit which rooms are encrypted.
pub(super) struct RowMaker<'a> {
    shared: &'a Shared,
    encrypted: BTreeMap<OwnedRoomId, bool>,
}

impl<'a> RowMaker<'a> {
    /// `encrypted` is what this commit itself is about to write about rooms.
    pub(super) const fn new(shared: &'a Shared, encrypted: BTreeMap<OwnedRoomId, bool>) -> Self {
        Self { shared, encrypted }
    }

    /// The rows of the effects of one event, or of one hole.
    pub(super) async fn effects(
        &mut self,
        work: &Work,
        sends: Vec<Send>,
    ) -> Result<Vec<NewRow>, StoreError> {
        let mut rows = Vec::with_capacity(sends.len());
        for (index, send) in sends.into_iter().enumerate() {
            let key = key(&self.shared.account, &work.subject, index);
            let mut row = self.row(key, work.event_id().map(Into::into), send).await?;
            row.body.caused_at = work.is_catch_up.then_some(work.sent);
            rows.push(row);
        }
        Ok(rows)
    }

    /// One row.
    pub(super) async fn row(
        &mut self,
        key: RowKey,
        cause: Option<OwnedEventId>,
        send: Send,
    ) -> Result<NewRow, StoreError> {
        let disposition = self.disposition(&send).await?;
        let Send {
            room,
            class,
            action,
            order,
            expires_in,
        } = send;
        let created = self.now();
        let sender = self.shared.identity.clone();
        Ok(NewRow {
            lane: LaneId::from(&*room),
            transaction_id: key.transaction_id(&sender.user),
            key,
            sender,
            class,
            body: RowBody {
                action,
                address: Address::Room(room),
                cause,
                caused_at: None,
                deadline: expires_in.map(|span| created + span),
                order: order.unwrap_or_default(),
                link: None,
            },
            disposition,
            created,
        })
    }

    async fn disposition(&mut self, send: &Send) -> Result<Disposition, StoreError> {
        let policy = self.shared.policy();
        if policy.is_silent(&send.room, send.class) {
            return Ok(Disposition::Shadow);
        }
        if let Some(reason) = too_large(&send.action) {
            return Ok(Disposition::Park(reason));
        }
        if send.action.is_message() && self.is_encrypted(&send.room).await? {
            return Ok(Disposition::Park(encrypted()));
        }
        Ok(Disposition::Send)
    }

    async fn is_encrypted(&mut self, room: &OwnedRoomId) -> Result<bool, StoreError> {
        if let Some(known) = self.encrypted.get(room) {
            return Ok(*known);
        }
        let Shared { store, account, .. } = self.shared;
        let facts = store.facts(account, &[room]).await?.pop().flatten();
        let is_encrypted = facts.is_some_and(|facts| facts.encrypted);
        self.encrypted.insert(room.clone(), is_encrypted);
        Ok(is_encrypted)
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }
}

/// The key of the `index`th effect: the same whenever the subject is handled.
fn key(account: &Account, subject: &Subject, index: usize) -> RowKey {
    match subject {
        Subject::Event(event) => RowKey::effect(account, event.id(), index),
        Subject::Missed(missed) => {
            let (missed, gap) = &**missed;
            let after = gap.last_seen.as_ref().map(|seen| seen.event_id.as_str());
            let place = (
                after.unwrap_or_default(),
                gap.from.as_deref().unwrap_or_default(),
            );
            RowKey::missed(account, &missed.room, place, index)
        }
    }
}

/// Why nothing is sent into an encrypted room.
pub(crate) fn encrypted() -> ParkReason {
    ParkReason::new(
        ParkCode::Encrypted,
        "the room is encrypted; plain messages are not sent there",
    )
}

pub(crate) fn too_large(action: &Action) -> Option<ParkReason> {
    let size = match action {
        Action::Message { content, .. } | Action::Relate { content, .. } => marked_len(content),
        Action::State { content, .. } => content.as_str().len(),
        _ => return None,
    };
    (size > MAX_CONTENT).then(|| {
        let detail = format!("the content has {size} bytes, an event holds {MAX_CONTENT}");
        ParkReason::new(ParkCode::TooLarge, detail)
    })
}
