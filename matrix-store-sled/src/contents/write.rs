//! Records on their way in.

use matrix_bridge_core::{Counted, ParkedEvent, Record, Row, RowState, Timestamp, ValueChange};

use crate::{
    fault::{Fault, Reason},
    open::meta,
    outbox::{
        head::{Head, State},
        lane, outcome, row,
    },
    tables::{inbox, lease, link, mark, parked, room, source, value},
    tree::{Key, View, count},
};

/// How many keys are removed at once.
const AT_ONCE: usize = 10_000;

/// Makes the store unfinished. It has to be empty, or to be that already.
pub(super) fn begin(view: &mut View) -> Result<(), Fault> {
    if !meta::is_unfinished(view)? && !first(view, 1)?.is_empty() {
        let reason = Reason("there is something in the store already");
        return Err(Fault::Invalid(reason.into()));
    }
    meta::set_unfinished(view, true);
    Ok(())
}

/// Removes some of what an interrupted copy has left. Whether there was any.
pub(super) fn clear_some(view: &mut View) -> Result<bool, Fault> {
    let going = first(view, AT_ONCE)?;
    let is_any = !going.is_empty();
    for key in going {
        view.remove(key);
    }
    Ok(is_any)
}

/// The first keys that are not about the store itself.
fn first(view: &View, most: usize) -> Result<Vec<Key>, Fault> {
    let mut keys = Vec::new();
    for pair in view.scan(&Key::all(), None) {
        let (key, _) = pair?;
        if !meta::is_about_itself(&key) {
            keys.push(Key::from(key));
        }
        if keys.len() == most {
            break;
        }
    }
    Ok(keys)
}

/// Takes records in, in their order.
pub(super) fn all(view: &mut View, records: Vec<Record>) -> Result<(), Fault> {
    records.into_iter().try_for_each(|record| one(view, record))
}

fn one(view: &mut View, record: Record) -> Result<(), Fault> {
    match record {
        Record::Source { source, checkpoint } => source::set(view, source, checkpoint),
        Record::Mark { digest, at } => mark::set(view, &digest, at),
        Record::Room { account, facts } => room::set(view, account, facts),
        Record::Inbox {
            account,
            place,
            entry,
        } => inbox::restore(view, account, place, entry),
        Record::ParkedEvent {
            account,
            event: ParkedEvent { id, event },
        } => parked::insert(view, id, account, event),
        Record::Value { key, value } => {
            let value = Some(value);
            value::change(view, ValueChange { key, value })
        }
        Record::Lease { name, fence } => lease::restore(view, name, fence),
        Record::Row { row, settled } => restore(view, *row, settled.unwrap_or_default()),
        Record::Outcome(outcome) => outcome::insert(view, outcome),
        Record::Link { link, event } => link::set(view, &link, &event),
        Record::Last { of, number } => {
            set_last(view, of, number);
            Ok(())
        }
    }
}

fn set_last(view: &mut View, of: Counted, number: u64) {
    // A store in which none was given says nothing about it.
    if number > 0 {
        count::set_last(view, of, number);
    }
}

/// Takes in a row that has an id already.
fn restore(view: &mut View, row: Row, settled: Timestamp) -> Result<(), Fault> {
    let Row {
        id,
        key,
        lane,
        sender,
        class,
        transaction_id,
        body,
        created,
        attempts,
        first_attempt,
        state,
    } = row;
    let due = match state {
        RowState::Waiting { due } => due,
        _ => created,
    };
    let head = Head {
        key,
        lane: lane.clone(),
        sender,
        class,
        transaction_id,
        order: body.order,
        created,
        attempts,
        first_attempt,
        due,
        is_first_claim: false,
        state: match state {
            // A copy ends all claims.
            RowState::Waiting { .. } | RowState::Claimed { .. } => State::Waiting,
            RowState::Parked { reason } => State::Parked(settled, reason),
            RowState::Shadow => State::Shadow(settled),
            RowState::Sent { event_id } => State::Sent(settled, event_id),
        },
    };
    row::insert(view, id, &head, &body)?;
    lane::refresh(view, &lane, None)
}
