//! The other ends, played from memory.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use matrix_bridge::{
    HistoryPage, Identity, PageRequest, RoomHistory, Row, SendError, Sender, SourceError,
    ruma::{EventId, OwnedEventId, RoomId},
};

/// Says yes to every row.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    sent: AtomicU64,
}

#[async_trait]
impl Sender for Answers {
    async fn send(&self, _row: &Row) -> Result<Option<OwnedEventId>, SendError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let id = EventId::parse(format!("$answer{number}:soak.local"));
        Ok(Some(id.expect("an event id like any")))
    }

    async fn is_encrypted(&self, _sender: &Identity, _room: &RoomId) -> Result<bool, SendError> {
        Ok(false)
    }
}

/// Has nothing to read: no timeline is limited here.
#[derive(Debug)]
pub(crate) struct NoHistory;

#[async_trait]
impl RoomHistory for NoHistory {
    async fn page(&self, _room: &RoomId, _: PageRequest) -> Result<HistoryPage, SourceError> {
        Ok(HistoryPage::default())
    }
}
