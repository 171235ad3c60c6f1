//! The clock of the bot's machine, which somebody sets wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_core::{Clock, Timestamp};
use matrix_bridge_testkit::virtual_time::VirtualClock;

/// Shows the homeserver's time, except while it is set wrong; a clone is the same clock.
#[derive(Clone, Debug)]
pub(crate) struct WallClock {
    steady: VirtualClock,
    /// What is added, in milliseconds; it starts at a day, so that it can go below.
    shift: Arc<AtomicU64>,
}

const RIGHT: u64 = 24 * 3_600_000;

impl WallClock {
    pub(crate) fn new() -> Self {
        Self {
            steady: VirtualClock::new(),
            shift: Arc::new(AtomicU64::new(RIGHT)),
        }
    }

    /// Sets it right.
    pub(crate) fn correct(&self) {
        self.shift.store(RIGHT, Ordering::SeqCst);
    }

    /// Sets it ahead of the right time, or behind it.
    pub(crate) fn set_wrong(&self, by: Duration, ahead: bool) {
        let by = u64::try_from(by.as_millis()).unwrap_or(RIGHT).min(RIGHT);
        let shift = if ahead { RIGHT + by } else { RIGHT - by };
        self.shift.store(shift, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let shift = self.shift.load(Ordering::SeqCst);
        self.steady.now() + Duration::from_millis(shift) - Duration::from_millis(RIGHT)
    }

    fn steady(&self) -> Duration {
        self.steady.steady()
    }

    async fn sleep(&self, span: Duration) {
        self.steady.sleep(span).await;
    }
}
