//! Events that were given up, kept for a person.

use matrix_bridge_core::{
    Account, Counted, NewParkedEvent, ParkReason, ParkedEvent, ParkedEventId, RawJson, Timestamp,
    ruma::{OwnedEventId, OwnedRoomId},
};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, count, last_number},
};

/// The name of their count.
pub(crate) const COUNT: &str = "parked events";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Held {
    pub(crate) account: Account,
    room: OwnedRoomId,
    event_id: Option<OwnedEventId>,
    raw: RawJson,
    reason: ParkReason,
    at: Timestamp,
}

impl Held {
    pub(crate) fn into_event(self) -> NewParkedEvent {
        NewParkedEvent {
            room: self.room,
            event_id: self.event_id,
            raw: self.raw,
            reason: self.reason,
            at: self.at,
        }
    }
}

/// Whether that event is parked, and of that account.
pub(super) fn has(view: &View, account: &Account, id: ParkedEventId) -> Result<bool, Fault> {
    view.has(&by_account(account).number(id.0))
}

pub(super) fn push(view: &mut View, account: &Account, event: NewParkedEvent) -> Result<(), Fault> {
    let id = ParkedEventId(count::next(view, Counted::ParkedEvents)?);
    insert(view, id, account.clone(), event)
}

/// Takes in an event that has an id.
pub(crate) fn insert(
    view: &mut View,
    id: ParkedEventId,
    account: Account,
    event: NewParkedEvent,
) -> Result<(), Fault> {
    let NewParkedEvent {
        room,
        event_id,
        raw,
        reason,
        at,
    } = event;
    view.set(by_account(&account).number(id.0), &[]);
    let held = Held {
        account,
        room,
        event_id,
        raw,
        reason,
        at,
    };
    view.put(&key(id), &held)?;
    count::add(view, count::key(COUNT))
}

pub(super) fn remove(view: &mut View, id: ParkedEventId) -> Result<(), Fault> {
    let Some(held) = view.read::<Held>(&key(id))? else {
        return Ok(());
    };
    view.remove_record(&key(id))?;
    view.remove(by_account(&held.account).number(id.0));
    count::subtract(view, count::key(COUNT))?;
    Ok(())
}

pub(crate) fn newest(
    view: &View,
    account: &Account,
    before: Option<ParkedEventId>,
    most: usize,
) -> Result<Vec<ParkedEvent>, Fault> {
    let before = before.map(|id| id.0.to_be_bytes());
    let before = before.as_ref().map(|id| &id[..]);
    let ids = view.scan_back(&by_account(account), before).take(most);
    ids.map(|pair| {
        let id = ParkedEventId(last_number(&pair?.0)?);
        let held: Held = view.read_known(&key(id))?;
        Ok(ParkedEvent {
            id,
            event: held.into_event(),
        })
    })
    .collect()
}

/// Removes the oldest of those beyond `max`, `at_once` at most.
pub(super) fn prune(view: &mut View, max: u64, at_once: u64) -> Result<u64, Fault> {
    let excess = count::of(view, COUNT)?.saturating_sub(max).min(at_once);
    let oldest = view.scan(&Key::of(Table::ParkedEvent), None);
    let oldest: Vec<_> = oldest
        .take(usize::try_from(excess).unwrap_or(usize::MAX))
        .map(|pair| last_number(&pair?.0).map(ParkedEventId))
        .collect::<Result<_, Fault>>()?;
    for id in &oldest {
        remove(view, *id)?;
    }
    Ok(oldest.len() as u64)
}

fn key(id: ParkedEventId) -> Key {
    Key::of(Table::ParkedEvent).number(id.0)
}

fn by_account(account: &Account) -> Key {
    Key::of(Table::ParkedEventByAccount).account(account)
}
