//! Long records are cut into pieces.
//!
//! sled keeps a few dozen neighbours in one page, and a page that is too large for its
//! log in a file of its own, which it never syncs: so no value is long. It also writes
//! the whole page anew every few changes.

use sled::IVec;

use super::{
    Key, Table,
    view::{View, corrupt},
};
use crate::fault::{Fault, Reason};

/// How long a piece is at most. A page of these is far below the 128 kB from which on
/// sled takes it out of its log.
const LONGEST: usize = 2_048;

/// Before the record itself: it is in one piece.
const WHOLE: u8 = 0;
/// Before the number of pieces behind the first.
const CUT: u8 = 1;

/// Writes a record under `key`.
pub(super) fn split(view: &mut View, key: &Key, record: &[u8]) {
    if record.len() <= LONGEST {
        view.set(key.clone(), [&[WHOLE], record].concat());
        return;
    }
    let mut pieces = 0_u64;
    for piece in record.chunks(LONGEST) {
        view.set(key_of(key, pieces), piece);
        pieces += 1;
    }
    let head = [&[CUT][..], &pieces.to_be_bytes()].concat();
    view.set(key.clone(), head);
}

/// The record of which `head` stands under `key`.
pub(super) fn join(view: &View, key: &Key, head: &IVec) -> Result<Vec<u8>, Fault> {
    let count = match kind(key, head)? {
        Kind::Whole(record) => return Ok(record.to_vec()),
        Kind::Cut(count) => count,
    };
    let mut record = Vec::new();
    for piece in 0..count {
        let key = key_of(key, piece);
        let piece = view.get(&key)?.ok_or_else(|| missing(&key))?;
        record.extend_from_slice(&piece);
    }
    Ok(record)
}

/// Removes the pieces of the record, but not its head.
pub(super) fn remove(view: &mut View, key: &Key, head: &IVec) -> Result<(), Fault> {
    if let Kind::Cut(count) = kind(key, head)? {
        for piece in 0..count {
            let piece = key_of(key, piece);
            // The number of pieces is as good as the disk.
            if !view.has(&piece)? {
                return Err(missing(&piece));
            }
            view.remove(piece);
        }
    }
    Ok(())
}

enum Kind<'a> {
    Whole(&'a [u8]),
    Cut(u64),
}

fn kind<'a>(key: &Key, head: &'a [u8]) -> Result<Kind<'a>, Fault> {
    let unknown = || corrupt(key.as_bytes(), Reason("it does not say how long it is"));
    match head.split_first() {
        Some((&WHOLE, record)) => Ok(Kind::Whole(record)),
        Some((&CUT, count)) => {
            let count = count.try_into().map_err(|_length| unknown())?;
            Ok(Kind::Cut(u64::from_be_bytes(count)))
        }
        _ => Err(unknown()),
    }
}

fn missing(piece: &Key) -> Fault {
    corrupt(piece.as_bytes(), Reason("it is missing"))
}

fn key_of(key: &Key, piece: u64) -> Key {
    Key::of(Table::Piece).bytes(key.as_bytes()).number(piece)
}
