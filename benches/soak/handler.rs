//! What a busy host does.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge::{Context, Effects, Event, EventHandler, HandlerError};

/// Longer than the engine waits before it moves on.
const SLOW: Duration = Duration::from_millis(1_500);

/// Answers some events, refuses some, takes long over some.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    pub(crate) handled: AtomicU64,
}

#[async_trait]
impl EventHandler for Handler {
    async fn handle(&self, event: Event, _: Context) -> Result<Effects, HandlerError> {
        self.handled.fetch_add(1, Ordering::Relaxed);
        let number: u64 = event.text().and_then(|text| text.parse().ok()).unwrap_or(0);
        if number % 10_000 == 2 {
            tokio::time::sleep(SLOW).await;
        }
        if number % 1_000 == 1 {
            return Err(HandlerError::park("one in a thousand"));
        }
        if number.is_multiple_of(100) {
            return Ok(event.reply("one in a hundred").into());
        }
        Ok(Effects::none())
    }
}
