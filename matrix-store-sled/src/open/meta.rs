//! What the store says about itself.

use crate::{
    fault::{Fault, Reason},
    tree::{Key, Table, View, commits_key, corrupt},
};

/// One step of the schema, from the one before.
type Step = fn(&mut View) -> Result<(), Fault>;

/// Append only: a step that was released never changes.
const STEPS: &[Step] = &[|_empty| Ok(())];

/// The schema that this version reads and writes.
pub(super) const KNOWN: u64 = STEPS.len() as u64;

const SCHEMA: &str = "schema";
/// Whether an engine works on the store, or the last one ended without closing it.
const RUNNING: &str = "running";
/// Whether a copy into the store was begun and not ended.
const UNFINISHED: &str = "unfinished";

/// How far the schema has come; `None` where nothing is in the tree yet.
pub(super) fn schema(view: &View) -> Result<Option<u64>, Fault> {
    let key = key(SCHEMA);
    if view.has(&key)? {
        return view.number(&key).map(Some);
    }
    match view.scan(&Key::all(), None).next() {
        None => Ok(None),
        Some(pair) => {
            let (first, _) = pair?;
            let reason = Reason("there is something, but no schema");
            Err(corrupt(&first, reason))
        }
    }
}

/// Does the steps that are missing.
pub(super) fn migrate(view: &mut View, schema: u64) -> Result<(), Fault> {
    for (target, step) in (1..=KNOWN).zip(STEPS) {
        if target > schema {
            step(view)?;
            view.set_number(key(SCHEMA), target);
        }
    }
    Ok(())
}

/// Whether the last engine ended without closing the store.
pub(super) fn was_running(view: &View) -> Result<bool, Fault> {
    view.has(&key(RUNNING))
}

/// Writes down that an engine begins, or that it closes the store.
pub(crate) fn set_running(view: &mut View, is_running: bool) {
    set_flag(view, RUNNING, is_running);
}

/// Whether a copy into the store was begun and not ended.
pub(crate) fn is_unfinished(view: &View) -> Result<bool, Fault> {
    view.has(&key(UNFINISHED))
}

pub(crate) fn set_unfinished(view: &mut View, is_unfinished: bool) {
    set_flag(view, UNFINISHED, is_unfinished);
}

/// Whether a key is about the store itself, and there whatever is in it.
pub(crate) fn is_about_itself(found: &[u8]) -> bool {
    let keys = [SCHEMA, RUNNING, UNFINISHED].map(key);
    let mut all = keys.into_iter().chain([commits_key()]);
    all.any(|key| key.as_bytes() == found)
}

fn set_flag(view: &mut View, name: &str, is_set: bool) {
    match is_set {
        true => view.set(key(name), &[]),
        false => view.remove(key(name)),
    }
}

fn key(name: &str) -> Key {
    Key::of(Table::Meta).text(name)
}
