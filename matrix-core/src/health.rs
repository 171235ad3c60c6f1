//! How the engine is, in words a person can act on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use crate::Timestamp;

/// How the engine is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Health {
    /// The worst of the reasons; ok without any.
    pub status: Status,
    /// What is wrong, and what to do about it.
    pub reasons: Vec<Reason>,
    /// When the source last answered.
    pub last_sync: Option<Timestamp>,
    /// Rows waiting to be sent.
    pub outbox_waiting: u64,
    /// When the oldest of them was decided.
    pub outbox_oldest: Option<Timestamp>,
    /// Rows given up, kept for a person.
    pub outbox_parked: u64,
    /// Events received and not yet handled.
    pub inbox_waiting: u64,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Ok,
    /// It works in part, or will by itself.
    Degraded,
    /// It does not work until a person acts.
    Failed,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reason {
    /// Which, in one word; the same word for the same trouble.
    pub code: String,
    /// How bad it is.
    pub status: Status,
    /// What happened, and what to do.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where the parts of the engine write down how they are. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct HealthBoard(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    reasons: BTreeMap<String, Reason>,
    last_sync: Option<Timestamp>,
    outbox: crate::QueueDepth,
    inbox_waiting: u64,
}

/// More reasons than this are counted and not kept; each room can give one.
const MAX_REASONS: usize = 100;

impl HealthBoard {
    /// How the engine is now.
    #[must_use]
    pub fn health(&self) -> Health {
        let board = self.board();
        let reasons: Vec<Reason> = board.reasons.values().cloned().collect();
        Health {
            status: reasons.iter().map(|r| r.status).max().unwrap_or(Status::Ok),
            reasons,
            last_sync: board.last_sync,
            outbox_waiting: board.outbox.waiting,
            outbox_oldest: board.outbox.oldest,
            outbox_parked: board.outbox.parked,
            inbox_waiting: board.inbox_waiting,
        }
    }

    /// Writes down that something is wrong. Returns whether that is new.
    pub fn raise(
        &self,
        code: impl Into<String>,
        status: Status,
        message: impl Into<String>,
        now: Timestamp,
    ) -> bool {
        let (code, message) = (code.into(), message.into());
        let mut board = self.board();
        if let Some(known) = board.reasons.get_mut(&code) {
            let is_new = known.message != message;
            (known.status, known.message) = (status, message);
            return is_new;
        }
        if board.reasons.len() < MAX_REASONS {
            board.reasons.insert(
                code.clone(),
                Reason {
                    code,
                    status,
                    message,
                    since: now,
                },
            );
        }
        true
    }

    /// Writes down that it is over. Returns whether it had been wrong.
    pub fn clear(&self, code: &str) -> bool {
        self.board().reasons.remove(code).is_some()
    }

    /// The codes that begin so and are raised.
    pub(crate) fn raised(&self, prefix: &str) -> Vec<String> {
        let board = self.board();
        let codes = board.reasons.range(prefix.to_owned()..);
        codes
            .map(|(code, _)| code.clone())
            .take_while(|code| code.starts_with(prefix))
            .collect()
    }

    pub(crate) fn synced(&self, now: Timestamp) {
        self.board().last_sync = Some(now);
    }

    pub(crate) fn last_sync(&self) -> Option<Timestamp> {
        self.board().last_sync
    }

    pub(crate) fn queues(&self, outbox: crate::QueueDepth, inbox_waiting: u64) {
        let mut board = self.board();
        (board.outbox, board.inbox_waiting) = (outbox, inbox_waiting);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Each change is one assignment or insertion: a panic leaves the board whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_reason_is_the_status_until_it_is_cleared() {
        let board = HealthBoard::default();

        assert!(board.raise("sync", Status::Degraded, "away", Timestamp(1)));
        assert!(!board.raise("sync", Status::Degraded, "away", Timestamp(2)));
        assert!(board.raise("token", Status::Failed, "rejected", Timestamp(3)));
        let health = board.health();
        assert_eq!(
            (health.status, health.reasons[0].since),
            (Status::Failed, Timestamp(1))
        );

        assert!(board.clear("token"));
        assert!(!board.clear("token"));
        assert_eq!(board.health().status, Status::Degraded);
    }
}
