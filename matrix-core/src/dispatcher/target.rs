//! What a row changes, where that is another row's event.

use std::{collections::BTreeMap, time::Duration};

use ruma::OwnedEventId;

use crate::{
    Action, ParkCode, ParkReason, RawJson, Row, RowKey, RowState, StoreError, Target, Timestamp,
    message, shared::Shared,
};

/// So long a row waits for one of another lane.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// So many replacements of a row are followed.
const SUCCESSORS: usize = 8;

/// What became of the rows of one claim, of which the store may not know yet: the event,
/// or `None` for a row that was not sent.
pub(super) type Done = BTreeMap<RowKey, Option<OwnedEventId>>;

/// What becomes of a row that may hang on another one.
#[derive(Debug)]
pub(super) enum Resolved {
    /// It hangs on none.
    Ready,
    /// The row as it is to be sent.
    As(Action),
    /// The other row is not sent yet: try again then.
    Later(Timestamp),
    /// The other row was not sent.
    Park(ParkReason),
}

/// Puts the event that another row became into `row`'s action.
///
/// # Errors
///
/// When the store cannot be read.
pub(super) async fn resolve(
    shared: &Shared,
    row: &Row,
    done: &Done,
) -> Result<Resolved, StoreError> {
    let Some(key) = row.body.action.depends_on() else {
        return Ok(Resolved::Ready);
    };
    let keys: Vec<RowKey> = std::iter::successors(Some(key.clone()), |key| Some(key.successor()))
        .take(SUCCESSORS + 1)
        .collect();
    if let Some(result) = keys.iter().rev().find_map(|key| done.get(key)) {
        return Ok(with_event(row, result.clone()));
    }
    let found = shared.store.rows(&keys).await?;
    let Some(other) = found.into_iter().rev().flatten().next() else {
        return Ok(park("the row that it changes is not known (any more)"));
    };
    Ok(match other.state {
        RowState::Sent { event_id } => with_event(row, event_id),
        RowState::Waiting { .. } | RowState::Claimed { .. } => later(row, &other, shared.now()),
        RowState::Parked { reason } => park(&format!(
            "the row that it changes is parked ({}): retry that one first",
            reason.code.as_str()
        )),
        RowState::Shadow => park("the row that it changes was recorded and not sent"),
    })
}

fn later(row: &Row, other: &Row, now: Timestamp) -> Resolved {
    if other.lane == row.lane && other.id >= row.id {
        return park("the row that it changes comes after it");
    }
    let age = now.since(row.created);
    if age > PATIENCE {
        return park("the row that it changes is still not sent");
    }
    let delay = (age / 4).clamp(Duration::from_secs(1), Duration::from_secs(60));
    Resolved::Later(now + delay)
}

fn with_event(row: &Row, event_id: Option<OwnedEventId>) -> Resolved {
    let Some(event_id) = event_id else {
        return park("the row that it changes became no event");
    };
    match with_target(&row.body.action, event_id) {
        Some(action) => Resolved::As(action),
        None => Resolved::Park(ParkReason::new(
            ParkCode::BadContent,
            "its relation cannot be written into its content",
        )),
    }
}

fn with_target(action: &Action, event_id: OwnedEventId) -> Option<Action> {
    match action {
        Action::Relate {
            event_type,
            content,
            ..
        } => {
            let content = message::with_target(content.decode().ok()?, &event_id);
            Some(Action::Message {
                event_type: event_type.clone(),
                content: RawJson::from_value(&content).ok()?,
            })
        }
        Action::Redact { reason, .. } => Some(Action::Redact {
            target: Target::Event(event_id),
            reason: reason.clone(),
        }),
        _ => None,
    }
}

fn park(detail: &str) -> Resolved {
    Resolved::Park(ParkReason::new(ParkCode::Dependency, detail))
}
