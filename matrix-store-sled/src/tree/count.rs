//! How many there are of something, and the last numbers that were given.

use matrix_bridge_core::Counted;

use super::{
    Key, Table,
    view::{View, corrupt},
};
use crate::fault::{Fault, Reason};

/// The key of the count of that name.
pub(crate) fn key(name: &str) -> Key {
    Key::of(Table::Count).text(name)
}

/// How many there are.
pub(crate) fn of(view: &View, name: &str) -> Result<u64, Fault> {
    view.number(&key(name))
}

/// One more.
pub(crate) fn add(view: &mut View, count: Key) -> Result<(), Fault> {
    let number = view.number(&count)?;
    view.set_number(count, number.saturating_add(1));
    Ok(())
}

/// One less. How many are left.
pub(crate) fn subtract(view: &mut View, count: Key) -> Result<u64, Fault> {
    let Some(left) = view.number(&count)?.checked_sub(1) else {
        return Err(corrupt(
            count.as_bytes(),
            Reason("there are more than it says"),
        ));
    };
    match left {
        0 => view.remove(count),
        left => view.set_number(count, left),
    }
    Ok(left)
}

/// The next number, which was never given before.
pub(crate) fn next(view: &mut View, of: Counted) -> Result<u64, Fault> {
    let number = last(view, of)?.saturating_add(1);
    set_last(view, of, number);
    Ok(number)
}

/// The last number that was given.
pub(crate) fn last(view: &View, of: Counted) -> Result<u64, Fault> {
    view.number(&last_key(of))
}

pub(crate) fn set_last(view: &mut View, of: Counted, number: u64) {
    view.set_number(last_key(of), number);
}

fn last_key(of: Counted) -> Key {
    Key::of(Table::Meta).text(match of {
        Counted::Rows => "last row",
        Counted::Inbox => "last inbox",
        Counted::ParkedEvents => "last parked event",
        Counted::Claims => "last claim",
        Counted::Outcomes => "last outcome",
    })
}
