//! Waits that the homeserver asked for.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{Clock, time::Moment};

/// Until when something is not to be asked for, by nobody in this process.
#[derive(Debug, Default)]
pub(crate) struct Rest(Mutex<Moment>);

impl Rest {
    /// From now on it is left alone for so long, or for longer if that was asked for before.
    pub(crate) fn extend(&self, clock: &dyn Clock, span: Duration) {
        let until = now(clock) + span;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = until.max(*known);
    }

    /// Comes back when it may be asked for.
    pub(crate) async fn over(&self, clock: &dyn Clock) {
        loop {
            let left = self.until().since(now(clock));
            if left.is_zero() {
                return;
            }
            clock.sleep(left).await;
        }
    }

    fn until(&self) -> Moment {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(clock: &dyn Clock) -> Moment {
    Moment::default() + clock.steady()
}
