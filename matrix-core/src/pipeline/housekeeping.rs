//! What is done now and then: depths and ages shown, old records forgotten.

use std::time::Duration;

use super::{Interrupted, Pipeline};
use crate::{PruneLimits, Timestamp, metrics, shared::Shared};

/// How often old records are forgotten, and unanswered invites looked at again.
const SWEEP: Duration = Duration::from_secs(60);

/// How often it is looked whether somebody else put something into the inbox.
const LOOK: Duration = Duration::from_secs(5);

impl Pipeline {
    pub(super) async fn housekeeping(&mut self) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let now = shared.now();
        let depth = shared.store.depth().await?;
        metrics::set(metrics::OUTBOX_DEPTH, depth.waiting);
        let age = depth
            .oldest
            .map_or(Duration::ZERO, |oldest| now.since(oldest));
        metrics::set_seconds(metrics::OUTBOX_OLDEST, age);
        metrics::set(metrics::INBOX_DEPTH, self.inbox_waiting);
        if let Some(last) = shared.health.last_sync() {
            metrics::set_seconds(metrics::SYNC_LAG, now.since(last));
        }
        shared.health.queues(depth, self.inbox_waiting);
        let at = shared.steady();
        if at.since(self.last_look) >= LOOK {
            self.last_look = at;
            self.look_at_inbox().await?;
        }
        let is_sweep = at.since(self.last_sweep) >= SWEEP;
        if is_sweep || self.has_more_to_prune {
            let pruned = shared.store.prune(prune_limits(&shared, now)).await?;
            self.has_more_to_prune = pruned.has_more;
        }
        if is_sweep {
            self.last_sweep = at;
            self.gaps.forget_holes(&shared.health, now);
            self.sweep_invites().await?;
        }
        Ok(())
    }

    pub(super) async fn count_encrypted(&self) -> Result<(), Interrupted> {
        let count = self
            .shared
            .store
            .encrypted_rooms(&self.shared.account)
            .await?;
        metrics::set(metrics::ENCRYPTED_ROOMS, count);
        Ok(())
    }
}

fn prune_limits(shared: &Shared, now: Timestamp) -> PruneLimits {
    let settings = &shared.settings;
    PruneLimits {
        marks_before: now - settings.marks_ttl,
        marks_max: settings.marks_max,
        records_before: now - settings.records_ttl,
        records_max: settings.records_max,
        parked_events_max: settings.parked_events_max,
        parked_rows_max: settings.parked_rows_max,
    }
}
