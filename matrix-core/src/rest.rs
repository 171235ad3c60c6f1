//! Waits that the homeserver asked for.

use std::sync::{Mutex, PoisonError};

use crate::{shared::Shared, time::Moment};

/// Until when something is not to be asked for, by nobody in this process.
#[derive(Debug, Default)]
pub(crate) struct Rest(Mutex<Moment>);

impl Rest {
    /// It is left alone until then, or for longer if that was asked for before.
    pub(crate) fn extend(&self, until: Moment) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = until.max(*known);
    }

    /// Comes back when it may be asked for.
    pub(crate) async fn over(&self, shared: &Shared) {
        loop {
            let left = self.until().since(shared.steady());
            if left.is_zero() {
                return;
            }
            shared.clock.sleep(left).await;
        }
    }

    fn until(&self) -> Moment {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
