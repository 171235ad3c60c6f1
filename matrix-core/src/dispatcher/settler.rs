//! Writes down what became of rows, many at once.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{RowId, Settlement, Status, StoreErrorKind, chain, shared::Shared};

/// So many settlements go into one commit.
const BATCH: usize = 256;

/// Settlements under way; a sender waits when so many are not written yet.
pub(super) const CHANNEL: usize = 1_024;

/// Writes settlements until the channel is closed.
///
/// A row that was sent and cannot be written down is never sent anew for that: writing
/// is tried until it works, and if the process ends first, the row's transaction id
/// lets the homeserver recognize it.
pub(super) async fn run(shared: Arc<Shared>, mut settlements: mpsc::Receiver<Settlement>) {
    let mut batch = Vec::new();
    while settlements.recv_many(&mut batch, BATCH).await > 0 {
        if !write(&shared, std::mem::take(&mut batch)).await {
            return;
        }
        shared.enqueued.notify_one();
    }
}

/// Writes one batch, for as long as it takes; false if the store will not take it.
pub(super) async fn write(shared: &Shared, batch: Vec<Settlement>) -> bool {
    for attempt in 1.. {
        let error = match shared.store.settle(batch.clone()).await {
            Ok(settled) => {
                note_lost(&settled.lost);
                return true;
            }
            Err(error) => error,
        };
        let message = format!("what was sent cannot be written down: {}", chain(&error));
        tracing::error!("{message}");
        shared
            .health
            .raise("store", Status::Degraded, message, shared.now());
        if !matches!(
            error.kind(),
            StoreErrorKind::Unavailable | StoreErrorKind::Unknown
        ) {
            return false;
        }
        // Settling twice changes nothing: the second finds no claim.
        let delay = shared
            .reconnect_delay(attempt)
            .max(Duration::from_millis(50));
        shared.clock.sleep(delay).await;
    }
    false
}

fn note_lost(lost: &[RowId]) {
    if !lost.is_empty() {
        tracing::warn!(rows = ?lost, "claims ran out before the rows were settled");
    }
}
