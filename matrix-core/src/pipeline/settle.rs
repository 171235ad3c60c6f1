//! From what handlers answered to what a commit holds.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;

use super::{
    Draft,
    live::LiveRoom,
    rows::RowMaker,
    work::{Outcome, Subject, Work},
};
use crate::{
    Effects, NewParkedEvent, RawJson, StoreError, StoreErrorKind, Timestamp, shared::Shared,
};

/// Puts what a batch's rooms came to into the draft. Returns the rooms that go on from
/// the inbox, and whether their first event is being handled at this moment.
pub(super) async fn settle_live(
    shared: &Shared,
    rooms: BTreeMap<OwnedRoomId, LiveRoom>,
    draft: &mut Draft,
    maker: &mut RowMaker<'_>,
) -> Result<Vec<(OwnedRoomId, bool)>, StoreError> {
    let mut spilled = Vec::new();
    let now = shared.now();
    for (id, room) in rooms {
        let before = draft.inbox.len();
        let is_running = room.running.is_some();
        for (work, outcome) in room.settled {
            match apply(draft, maker, &work, outcome, now).await? {
                None => draft.marks.extend(work.event_id().map(Into::into)),
                Some((attempts, due)) => spill(draft, work, attempts, due),
            }
        }
        for work in room.running.into_iter().chain(room.waiting) {
            spill(draft, work, 0, now);
        }
        if draft.inbox.len() > before {
            spilled.push((id, is_running));
        }
    }
    Ok(spilled)
}

/// Puts what one event led to into the draft, or says when to try it again.
pub(super) async fn apply(
    draft: &mut Draft,
    maker: &mut RowMaker<'_>,
    work: &Work,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let effects = match outcome {
        Outcome::Done(effects) => effects,
        Outcome::Park(reason, effects) => {
            draft.parked.push(NewParkedEvent {
                room: work.room().to_owned(),
                event_id: work.event_id().map(Into::into),
                raw: raw(&work.subject)?,
                reason,
                at: now,
            });
            effects
        }
        Outcome::Retry { due, attempts } => return Ok(Some((attempts, due))),
    };
    let Effects { sends, values } = effects;
    draft.rows.extend(maker.effects(work, sends).await?);
    draft.values.extend(values);
    Ok(None)
}

/// Puts an event into the inbox; with its mark, so that it is not received again.
pub(super) fn spill(draft: &mut Draft, work: Work, attempts: u32, due: Timestamp) {
    draft.marks.extend(work.event_id().map(Into::into));
    draft.inbox.push(work.into_inbox(attempts, due));
}

/// What a person finds of what was parked.
fn raw(subject: &Subject) -> Result<RawJson, StoreError> {
    match subject {
        Subject::Event(event) => Ok(event.raw().clone()),
        Subject::Missed(missed) => RawJson::from_value(&missed.1).map_err(|error| {
            StoreError::new(StoreErrorKind::Corrupt, "parking a gap").with_source(error)
        }),
    }
}
