//! Which events are for the handler: not our own, not seen, readable, wanted.

use std::sync::Arc;

use ruma::{OwnedEventId, RoomId, UserId};

use super::work::Work;
use crate::{
    Event, NewParkedEvent, Policy, RawJson, RoomMode, Status, StoreError, Timestamp,
    event::Unreadable,
    metrics::{self, Skip},
    shared::Shared,
};

/// An event whose head was read, or not.
pub(super) type Read = Result<Event, (Unreadable, RawJson)>;

/// Reads the heads of `events`.
pub(super) fn read(room: &RoomId, events: Vec<RawJson>) -> Vec<Read> {
    let read = |raw: RawJson| Event::read(room, &raw).map_err(|error| (error, raw));
    events.into_iter().map(read).collect()
}

/// The id of an event, as far as it could be read.
pub(super) fn id(read: &Read) -> Option<&OwnedEventId> {
    match read {
        Ok(event) => Some(event.owned_id()),
        Err((error, _)) => error.event_id.as_ref(),
    }
}

/// Whether each event of a batch was seen.
#[expect(
    clippy::disallowed_types,
    reason = "asked for single ids only and never iterated; a BTreeSet compares each a dozen times"
)]
type Seen = std::collections::HashMap<OwnedEventId, bool>;

/// Chooses events, and notes what becomes of the others.
pub(super) struct Sift<'a> {
    pub(super) shared: &'a Shared,
    pub(super) policy: Arc<Policy>,
    pub(super) now: Timestamp,
    /// Changes, because a batch may name an event twice.
    seen: Seen,
    /// Events that count as seen and are not handled.
    pub(super) marks: Vec<OwnedEventId>,
    pub(super) parked: Vec<NewParkedEvent>,
}

impl<'a> Sift<'a> {
    /// Asks the store which of `events` are seen.
    pub(super) async fn new<'e>(
        shared: &'a Shared,
        events: impl Iterator<Item = &'e Read>,
    ) -> Result<Self, StoreError> {
        let ids: Vec<OwnedEventId> = events.filter_map(id).cloned().collect();
        let seen = shared.store.seen(&shared.account, &ids).await?;
        Ok(Self {
            shared,
            policy: shared.policy(),
            now: shared.now(),
            seen: ids.into_iter().zip(seen).collect(),
            marks: Vec::new(),
            parked: Vec::new(),
        })
    }

    /// Whether an event was seen before, or in this batch.
    pub(super) fn has_seen(&self, id: &OwnedEventId) -> bool {
        self.seen.get(id).copied().unwrap_or_default()
    }

    /// The event, unless it cannot be read; then it is parked or counted.
    pub(super) fn readable(&mut self, read: Read, room: &RoomId) -> Option<Event> {
        let (error, raw) = match read {
            Ok(event) => return Some(event),
            Err(error) => error,
        };
        let Unreadable { event_id, reason } = error;
        tracing::warn!(%room, ?event_id, %reason, "event cannot be read");
        let Some(event_id) = event_id else {
            // Without an id it cannot be told from its own redelivery.
            metrics::skipped(Skip::Unreadable);
            return None;
        };
        if self.is_new(&event_id) && self.policy.mode(room) != RoomMode::Off {
            self.marks.push(event_id.clone());
            self.parked.push(NewParkedEvent {
                room: room.to_owned(),
                event_id: Some(event_id),
                raw,
                reason,
                at: self.now,
            });
        }
        None
    }

    /// Whether the event is for the handler. One that is not is counted and, where it
    /// must not be handled later either, marked.
    pub(super) fn is_wanted(&mut self, event: &Event, is_encrypted: bool) -> bool {
        if event.sender() == self.me() {
            metrics::skipped(Skip::Own);
            return false;
        }
        if !self.is_new(event.id()) {
            return false;
        }
        let reason = if self.policy.mode(event.room()) == RoomMode::Off {
            Skip::RoomOff
        } else if is_encrypted || event.kind() == "m.room.encrypted" {
            warn_encrypted(self.shared, event.room(), self.now);
            Skip::Encrypted
        } else {
            return true;
        };
        self.skip(event, reason);
        false
    }

    /// The work, unless it comes too late to be handled.
    pub(super) fn in_time(&mut self, work: Work) -> Option<Work> {
        let limit = self.shared.settings.catch_up_age;
        if work.is_catch_up && work.age(self.now) > limit {
            self.skip_work(&work, Skip::Old);
            return None;
        }
        Some(work)
    }

    pub(super) fn is_new(&mut self, id: &ruma::EventId) -> bool {
        let is_new = match self.seen.get_mut(id) {
            Some(seen) => !std::mem::replace(seen, true),
            None => self.seen.insert(id.to_owned(), true).is_none(),
        };
        if !is_new {
            metrics::count(metrics::DUPLICATES, 1);
        }
        is_new
    }

    pub(super) fn skip(&mut self, event: &Event, reason: Skip) {
        metrics::skipped(reason);
        self.marks.push(event.id().to_owned());
    }

    pub(super) fn skip_work(&mut self, work: &Work, reason: Skip) {
        metrics::skipped(reason);
        self.marks.extend(work.event_id().map(Into::into));
    }

    pub(super) fn me(&self) -> &'a UserId {
        &self.shared.identity.user
    }
}

/// Says once for each room that nothing is handled or sent there.
pub(crate) fn warn_encrypted(shared: &Shared, room: &RoomId, now: Timestamp) {
    let message = format!(
        "{room} is encrypted: nothing is handled or sent there; use an unencrypted room, or take \
         it off the list"
    );
    let code = format!("encrypted_room:{room}");
    if shared.health.raise(code, Status::Degraded, &message, now) {
        tracing::warn!(%room, "{message}");
    }
}
