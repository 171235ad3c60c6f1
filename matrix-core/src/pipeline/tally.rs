//! What a commit means outside the store.

use super::Draft;
use crate::{Disposition, metrics, shared::Shared};

/// What a commit means for metrics and the dispatcher, told once it is durable.
pub(super) struct Tally {
    parked: Vec<&'static str>,
    shadowed: usize,
    is_enqueued: bool,
}

impl Tally {
    pub(super) fn of(draft: &Draft) -> Self {
        let mut tally = Self {
            parked: Vec::new(),
            shadowed: 0,
            is_enqueued: false,
        };
        tally
            .parked
            .extend(draft.parked.iter().map(|event| event.reason.code.as_str()));
        for row in &draft.rows {
            match &row.disposition {
                Disposition::Send => tally.is_enqueued = true,
                Disposition::Shadow => tally.shadowed += 1,
                Disposition::Park(reason) => {
                    tracing::warn!(lane = %row.lane, %reason, "row parked");
                    tally.parked.push(reason.code.as_str());
                }
            }
        }
        tally
    }

    pub(super) fn report(self, shared: &Shared) {
        for reason in self.parked {
            metrics::count_reason(metrics::PARKED, reason);
        }
        metrics::count(metrics::SHADOWED, self.shadowed);
        if self.is_enqueued {
            shared.enqueued.notify_one();
        }
        if shared.health.clear("store") {
            tracing::info!("the store works again");
        }
    }
}
