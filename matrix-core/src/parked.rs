//! What was given up, and what a person decides about it.

use std::sync::Arc;

use ruma::OwnedEventId;

use crate::{
    Account, Action, Batch, CommitOutcome, Disposition, InboxItem, ListState, NewInboxEntry,
    NewRow, ParkCode, ParkReason, ParkedEvent, ParkedEventId, ParkedRows, Row, RowBody, RowId,
    RowKey, RowState, Store, StoreError, Timestamp, pipeline::too_large,
};

/// The rows and events that were given up, for a person to decide about.
///
/// It works on the store alone: beside a running engine, in its process or another, or
/// without one. An engine notices within seconds. Cloning shares the store.
#[derive(Clone, Debug)]
pub struct Parked {
    store: Arc<dyn Store>,
}

/// Why a row cannot be replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// It is not parked (any more), or somebody replaced it meanwhile.
    #[error("the row is not parked any more; list the parked rows again")]
    Gone,
    /// It may have been sent, and something else in its place could be a second answer.
    #[error(
        "the row may have been sent ({0}); look into the room, then retry it as it is or drop it"
    )]
    MayBeSent(ParkReason),
    /// What is to take its place does not fit into an event.
    #[error("{0}")]
    TooLarge(ParkReason),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Parked {
    /// What is given up in `store`.
    #[must_use]
    pub const fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// How many rows are parked, by reason, and since when; reasons without rows are left
    /// out.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn counts(&self) -> Result<Vec<ParkedRows>, StoreError> {
        self.store.parked().await
    }

    /// Up to `limit` parked rows after the row `after`, in their order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn rows(&self, after: Option<RowId>, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.store.list(ListState::Parked, after, limit).await
    }

    /// One parked row; `None` if it is not parked.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn row(&self, id: RowId) -> Result<Option<Row>, StoreError> {
        let after = id.0.checked_sub(1).map(RowId);
        let mut rows = self.rows(after, 1).await?;
        Ok(rows.pop().filter(|row| row.id == id))
    }

    /// Puts a parked row back to its old place, to be tried at once. False if it is not
    /// parked.
    ///
    /// It goes under its old transaction id, so that one that was sent after all is not
    /// doubled. Where that leads nowhere a new row without a deadline takes its place:
    /// where the deadline passed, where the id was used for something else, and where it
    /// is unknown whether the row was sent. Of the last look into the room first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub async fn retry(&self, id: RowId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(row) = self.row(id).await? else {
            return Ok(false);
        };
        let reason = reason(&row);
        if matches!(
            reason.map(|reason| reason.code),
            Some(ParkCode::Expired | ParkCode::TransactionUsed | ParkCode::UnknownOutcome)
        ) {
            let action = row.body.action.clone();
            return self.store.replace(id, successor(row, action, now)).await;
        }
        Ok(self.store.requeue(&[id], now).await? == 1)
    }

    /// Removes a parked row for good. False if it is not parked.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn discard(&self, id: RowId) -> Result<bool, StoreError> {
        Ok(self.store.discard(&[id]).await? == 1)
    }

    /// Drops a parked row and sends `action` at its place, without a deadline; returns
    /// the new row's key. See [`Action::with_content`].
    ///
    /// It is a new row with a new transaction id, for the homeserver ignores what is
    /// sent under a used one. What edits or redacts the old row follows to the new one.
    ///
    /// # Errors
    ///
    /// [`ReplaceError::MayBeSent`] for a row of which it is not known that it was not
    /// sent; see [`ParkCode::is_known_not_sent`].
    pub async fn replace(
        &self,
        id: RowId,
        action: Action,
        now: Timestamp,
    ) -> Result<RowKey, ReplaceError> {
        let row = self.row(id).await?.ok_or(ReplaceError::Gone)?;
        match reason(&row) {
            Some(reason) if reason.code.is_known_not_sent() => {}
            Some(reason) => return Err(ReplaceError::MayBeSent(reason.clone())),
            None => return Err(ReplaceError::Gone),
        }
        if let Some(reason) = too_large(&action) {
            return Err(ReplaceError::TooLarge(reason));
        }
        let new = successor(row, action, now);
        let key = new.key.clone();
        if self.store.replace(id, new).await? {
            Ok(key)
        } else {
            Err(ReplaceError::Gone)
        }
    }

    /// Up to `limit` parked events of `account` that are older than `before`, newest
    /// first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn events(
        &self,
        account: &Account,
        before: Option<ParkedEventId>,
        limit: usize,
    ) -> Result<Vec<ParkedEvent>, StoreError> {
        self.store.parked_events(account, before, limit).await
    }

    /// One parked event; `None` if it is not parked.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn event(
        &self,
        account: &Account,
        id: ParkedEventId,
    ) -> Result<Option<ParkedEvent>, StoreError> {
        let before = id.0.checked_add(1).map(ParkedEventId);
        let mut events = self.events(account, before, 1).await?;
        Ok(events.pop().filter(|event| event.id == id))
    }

    /// Lets the handler have a parked event once more, after what the room's inbox holds
    /// by now. False if it is not parked, or if its id could not be read.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub async fn retry_event(
        &self,
        account: &Account,
        id: ParkedEventId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(parked) = self.event(account, id).await? else {
            return Ok(false);
        };
        let Some(event_id) = parked.event.event_id.clone() else {
            return Ok(false);
        };
        let mut batch = Batch::new(account.clone(), now);
        batch.inbox = vec![inbox_entry(parked, event_id, now)];
        self.decide(batch, id).await
    }

    /// Removes a parked event for good. False if it is not parked.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn discard_event(
        &self,
        account: &Account,
        id: ParkedEventId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.decide(Batch::new(account.clone(), now), id).await
    }

    /// Commits that the event is parked no more, with what follows from that.
    async fn decide(&self, mut batch: Batch, id: ParkedEventId) -> Result<bool, StoreError> {
        batch.parked_done = vec![id];
        Ok(match self.store.commit(batch).await? {
            CommitOutcome::Applied => true,
            // Nothing else in the batch can be out of date.
            CommitOutcome::Stale(_) => false,
        })
    }
}

const fn reason(row: &Row) -> Option<&ParkReason> {
    match &row.state {
        RowState::Parked { reason } => Some(reason),
        _ => None,
    }
}

/// The row that takes the place of `old`.
fn successor(old: Row, action: Action, now: Timestamp) -> NewRow {
    let key = old.key.successor();
    NewRow {
        lane: old.lane,
        transaction_id: key.transaction_id(&old.sender.user),
        key,
        sender: old.sender,
        class: old.class,
        body: RowBody {
            action,
            caused_at: None,
            deadline: None,
            ..old.body
        },
        disposition: Disposition::Send,
        created: now,
    }
}

fn inbox_entry(parked: ParkedEvent, event_id: OwnedEventId, now: Timestamp) -> NewInboxEntry {
    NewInboxEntry {
        room: parked.event.room,
        item: InboxItem::Event {
            event_id,
            raw: parked.event.raw,
        },
        received: now,
        // It was there by then.
        sent: parked.event.at,
        is_catch_up: true,
        attempts: 0,
        due: now,
    }
}
