//! Which events will not be handled again.

use matrix_bridge_core::{Account, Digest, Timestamp, ruma::OwnedEventId};

use super::room;
use crate::{
    fault::{Fault, Reason},
    tree::{Key, Pair, Table, View, corrupt, count, last_number, number},
};

/// The name of their count.
pub(crate) const COUNT: &str = "marks";
/// The last place that was given to one.
const LAST_PLACE: &str = "last mark";

/// How many marks one call removes at most.
const AT_ONCE: u64 = 10_000;

/// A mark, and its place among all; the clock may jump.
#[derive(Clone, Copy)]
struct Mark {
    event: Digest,
    at: Timestamp,
    place: u64,
}

pub(crate) fn seen(
    view: &View,
    account: &Account,
    events: &[OwnedEventId],
) -> Result<Vec<bool>, Fault> {
    let is_seen = |event: &OwnedEventId| {
        let event = Digest::of(account, event.as_str());
        Ok(view.has(&key(&event))? || room::is_last_seen(view, &event)?)
    };
    events.iter().map(is_seen).collect()
}

/// A mark that is there keeps its age.
pub(crate) fn set(view: &mut View, event: &Digest, at: Timestamp) -> Result<(), Fault> {
    if view.has(&key(event))? {
        return Ok(());
    }
    let last = Key::of(Table::Meta).text(LAST_PLACE);
    let place = view.number(&last)?.saturating_add(1);
    view.set_number(last, place);
    let mark = Mark {
        event: *event,
        at,
        place,
    };
    view.set(key(event), encode(at, place));
    for key in orders(&mark) {
        view.set(key, event.as_bytes());
    }
    count::add(view, count::key(COUNT))
}

/// Removes marks from before `before` and the oldest of those beyond `max`, except of
/// events that are some room's last seen one. How many, and whether there may be more.
pub(super) fn prune(view: &mut View, before: Timestamp, max: u64) -> Result<(u64, bool), Fault> {
    let old = Key::of(Table::MarkByAge);
    let by_age = remove(view, &old, AT_ONCE, |mark| mark.at < before)?;
    let excess = count::of(view, COUNT)?.saturating_sub(max);
    let left = excess.min(AT_ONCE - by_age);
    let all = Key::of(Table::MarkByPlace);
    let removed = by_age + remove(view, &all, left, |_| true)?;
    Ok((removed, removed == AT_ONCE))
}

/// Removes up to `most` marks in the order of `table`, as long as they are `meant`.
fn remove(
    view: &mut View,
    table: &Key,
    most: u64,
    is_meant: impl Fn(&Mark) -> bool,
) -> Result<u64, Fault> {
    let mut going = Vec::new();
    let mut marks = view.scan(table, None);
    while (going.len() as u64) < most
        && let Some(pair) = marks.next()
    {
        let mark = read(view, &pair?)?;
        if !is_meant(&mark) {
            break;
        }
        if !room::is_last_seen(view, &mark.event)? {
            going.push(mark);
        }
    }
    drop(marks);
    for mark in &going {
        view.remove(key(&mark.event));
        for key in orders(mark) {
            view.remove(key);
        }
        count::subtract(view, count::key(COUNT))?;
    }
    Ok(going.len() as u64)
}

/// The digest and the time of a mark found in the order in which they were set.
pub(crate) fn found(view: &View, pair: &Pair) -> Result<(Digest, Timestamp), Fault> {
    let mark = read(view, pair)?;
    Ok((mark.event, mark.at))
}

fn read(view: &View, (by_order, event): &Pair) -> Result<Mark, Fault> {
    let wrong = || corrupt(by_order, Reason("it is no digest"));
    let event = event.as_ref().try_into().map_err(|_length| wrong())?;
    let event = Digest::from_bytes(event);
    let key = key(&event);
    let missing = || corrupt(key.as_bytes(), Reason("it is missing"));
    let mark = view.get(&key)?.ok_or_else(missing)?;
    let (at, _) = mark
        .split_at_checked(size_of::<u64>())
        .ok_or_else(missing)?;
    Ok(Mark {
        event,
        at: Timestamp(number(key.as_bytes(), at)?),
        place: last_number(&mark)?,
    })
}

fn encode(at: Timestamp, place: u64) -> Vec<u8> {
    [at.0.to_be_bytes(), place.to_be_bytes()].concat()
}

fn key(event: &Digest) -> Key {
    Key::of(Table::Mark).digest(event)
}

fn orders(mark: &Mark) -> [Key; 2] {
    [
        Key::of(Table::MarkByPlace).number(mark.place),
        Key::of(Table::MarkByAge).time(mark.at).number(mark.place),
    ]
}
