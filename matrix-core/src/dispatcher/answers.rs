//! Which row became which event, so that two rows never become one.

use std::collections::{BTreeMap, VecDeque};

use ruma::OwnedEventId;

use crate::{Action, RowKey};

/// So many of the last events are remembered.
const MAX: usize = 10_000;

/// The events that rows became.
///
/// A homeserver that knows a transaction id answers with the event that was sent under
/// it, whatever is asked for: under a used id nothing is sent or redacted, and the
/// answer looks like success.
#[derive(Debug, Default)]
pub(super) struct Answers {
    rows: BTreeMap<OwnedEventId, RowKey>,
    order: VecDeque<OwnedEventId>,
}

impl Answers {
    /// Notes the answer to a row. Returns the row that had it before, if it is another.
    pub(super) fn note(
        &mut self,
        key: &RowKey,
        action: &Action,
        event_id: &OwnedEventId,
    ) -> Option<RowKey> {
        // The same state again is the same event, and that is as it should be.
        if matches!(action, Action::State { .. }) {
            return None;
        }
        if let Some(known) = self.rows.get(event_id) {
            return (known != key).then(|| known.clone());
        }
        if self.order.len() >= MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.rows.remove(&oldest);
        }
        self.order.push_back(event_id.clone());
        self.rows.insert(event_id.clone(), key.clone());
        None
    }
}
