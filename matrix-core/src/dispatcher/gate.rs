//! No plaintext into an encrypted room.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use crate::{
    ParkReason, Row, SendError, StoreError,
    pipeline::{encrypted, warn_encrypted},
    shared::Shared,
    time::Moment,
};

/// So many rooms are remembered as read; beyond that they are read again.
const MAX_ROOMS: usize = 10_000;

/// Asks about a room's encryption before the first message into it, after every start
/// and every outage of the source; from then on the source tells. An engine that stands
/// by has no source that would tell it: it asks before every message.
#[derive(Debug, Default)]
pub(super) struct EncryptionGate {
    /// By room: at which outage it was read, and what it said.
    read: Mutex<BTreeMap<OwnedRoomId, (u64, bool)>>,
    /// Until when who is not to ask, whichever room it is about.
    waits: Mutex<BTreeMap<OwnedUserId, Moment>>,
}

/// Why a row did not pass.
#[derive(Debug)]
pub(super) enum Held {
    Encrypted(ParkReason),
    Store(StoreError),
    Send(SendError),
}

impl EncryptionGate {
    /// Passes rows that may be sent as they are.
    pub(super) async fn pass(&self, shared: &Shared, row: &Row) -> Result<(), Held> {
        if !row.body.action.is_message() {
            return Ok(());
        }
        let room = row.body.address.room();
        if self.is_encrypted(shared, row, room).await? {
            return Err(Held::Encrypted(refusal(shared, room)));
        }
        Ok(())
    }

    /// Once more, right before the request, by what the source has shown since
    /// [`pass`](Self::pass): the answer about the room may have been long on its way, and
    /// then the row waited for its turn.
    pub(super) fn still_passes(&self, shared: &Shared, row: &Row) -> Result<(), ParkReason> {
        let room = row.body.address.room();
        if row.body.action.is_message() && shared.encrypted.contains(room) {
            return Err(refusal(shared, room));
        }
        Ok(())
    }

    async fn is_encrypted(
        &self,
        shared: &Shared,
        row: &Row,
        room: &OwnedRoomId,
    ) -> Result<bool, Held> {
        if shared.encrypted.contains(room) {
            return Ok(true);
        }
        let outage = shared.outages();
        // What another engine's source shows since is not told to us.
        let read = self.read(room);
        let read = read.filter(|(at, _)| *at == outage && !shared.stands_by());
        // What changed since would be among the above: our own source tells.
        if let Some((_, is_encrypted)) = read
            && shared.is_source_up()
        {
            return Ok(is_encrypted);
        }
        let facts = shared
            .store
            .facts(&shared.account, &[room])
            .await
            .map_err(Held::Store)?;
        if facts.into_iter().flatten().any(|facts| facts.encrypted) {
            return Ok(true);
        }
        if let Some((_, is_encrypted)) = read {
            return Ok(is_encrypted);
        }
        let is_encrypted = self.ask(shared, row, room).await.map_err(Held::Send)?;
        self.remember(room, outage, is_encrypted);
        Ok(is_encrypted)
    }

    async fn ask(&self, shared: &Shared, row: &Row, room: &RoomId) -> Result<bool, SendError> {
        let user = &row.sender.user;
        if let Some(retry_after) = self.wait(user, shared.steady()) {
            return Err(SendError::RateLimited { retry_after });
        }
        let answer = shared.sender.is_encrypted(&row.sender, room).await;
        if let Err(SendError::RateLimited { retry_after }) = answer {
            self.note_wait(user, shared.steady(), retry_after);
        }
        answer
    }

    /// How long `user` is not to ask.
    fn wait(&self, user: &UserId, now: Moment) -> Option<Duration> {
        let left = self.waits().get(user)?.since(now);
        (!left.is_zero()).then_some(left)
    }

    fn note_wait(&self, user: &UserId, now: Moment, retry_after: Duration) {
        let mut waits = self.waits();
        waits.retain(|_, until| *until > now);
        let until = waits.entry(user.to_owned()).or_default();
        *until = (*until).max(now + retry_after);
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<OwnedUserId, Moment>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, room: &OwnedRoomId) -> Option<(u64, bool)> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(room)
            .copied()
    }

    fn remember(&self, room: &OwnedRoomId, outage: u64, is_encrypted: bool) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MAX_ROOMS {
            read.clear();
        }
        read.insert(room.clone(), (outage, is_encrypted));
    }
}

fn refusal(shared: &Shared, room: &RoomId) -> ParkReason {
    warn_encrypted(shared, room, shared.now());
    encrypted()
}
