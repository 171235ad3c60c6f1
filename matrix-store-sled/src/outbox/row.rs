//! Reading and writing rows, and what they are found by.

use matrix_bridge_core::{Digest, Row, RowBody, RowId, RowKey};

use super::head::Head;
use crate::{
    fault::Fault,
    tree::{Key, Table, View, count, digest_of, last_number},
};

/// The head of a row that is there.
pub(crate) fn head(view: &View, id: RowId) -> Result<Option<Head>, Fault> {
    view.read(&key(id))
}

/// The same, where a key says that it is there.
pub(crate) fn known_head(view: &View, id: RowId) -> Result<Head, Fault> {
    view.read_known(&key(id))
}

pub(crate) fn body(view: &View, id: RowId) -> Result<RowBody, Fault> {
    view.read_known(&body_key(id))
}

pub(crate) fn set_body(view: &mut View, id: RowId, body: &RowBody) -> Result<(), Fault> {
    view.put(&body_key(id), body)
}

/// A whole row.
pub(crate) fn row(view: &View, id: RowId) -> Result<Row, Fault> {
    Ok(known_head(view, id)?.into_row(id, body(view, id)?))
}

/// The id of the row of that key.
pub(crate) fn id(view: &View, key: &RowKey) -> Result<Option<RowId>, Fault> {
    let Some(id) = view.get(&by_key(key))? else {
        return Ok(None);
    };
    last_number(&id).map(|id| Some(RowId(id)))
}

/// The id that a key of a row ends with.
pub(crate) fn id_in(key: &[u8]) -> Result<RowId, Fault> {
    last_number(key).map(RowId)
}

/// Writes a new row.
pub(crate) fn insert(view: &mut View, id: RowId, head: &Head, body: &RowBody) -> Result<(), Fault> {
    view.set(by_key(&head.key), &id.0.to_be_bytes());
    set_body(view, id, body)?;
    enter(view, id, head)?;
    view.put(&key(id), head)
}

/// Writes what has become of a row that was `old`.
pub(crate) fn change(view: &mut View, id: RowId, old: &Head, new: &Head) -> Result<(), Fault> {
    leave(view, id, old)?;
    enter(view, id, new)?;
    view.put(&key(id), new)
}

/// Removes a row. Its key can be used again.
pub(crate) fn remove(view: &mut View, id: RowId, head: &Head) -> Result<(), Fault> {
    leave(view, id, head)?;
    view.remove(by_key(&head.key));
    view.remove_record(&body_key(id))?;
    view.remove_record(&key(id))
}

fn enter(view: &mut View, id: RowId, head: &Head) -> Result<(), Fault> {
    for key in head.orders(id) {
        view.set(key, &[]);
    }
    for count in head.counts() {
        count::add(view, count)?;
    }
    Ok(())
}

fn leave(view: &mut View, id: RowId, head: &Head) -> Result<(), Fault> {
    for key in head.orders(id) {
        view.remove(key);
    }
    for count in head.counts() {
        count::subtract(view, count)?;
    }
    Ok(())
}

fn key(id: RowId) -> Key {
    Key::of(Table::Row).number(id.0)
}

fn body_key(id: RowId) -> Key {
    Key::of(Table::Body).number(id.0)
}

fn by_key(key: &RowKey) -> Key {
    let digest: Digest = digest_of(key.as_str());
    Key::of(Table::RowByKey).digest(&digest)
}
