//! Records on their way out.

use std::fmt::Write as _;

use matrix_bridge_core::{
    Counted, InboxEntry, InboxId, OutcomeCursor, Page, ParkedEvent, ParkedEventId, Place, Record,
    RowId, RowState,
};

use crate::{
    fault::{Fault, Reason},
    outbox::{head::State, outcome, row},
    tables::{inbox, lease, link, mark, parked, room, source, value},
    tree::{Key, Pair, Table, View, count, last_number},
};

/// The tables, in the order in which a store is read.
const PARTS: [Table; 10] = [
    Table::Source,
    Table::MarkByPlace,
    Table::Room,
    Table::InboxByRoom,
    Table::ParkedEvent,
    Table::Value,
    Table::Lease,
    Table::Row,
    Table::Outcome,
    Table::Link,
];

/// How many records there are.
pub(super) fn size(view: &View) -> Result<u64, Fault> {
    let mut size = Counted::ALL.len() as u64;
    for table in PARTS {
        for pair in view.scan(&Key::of(table), None) {
            pair?;
            size += 1;
        }
    }
    Ok(size)
}

/// Up to `limit` records of one table, and after the last table the last numbers.
pub(super) fn page(view: &View, place: &Place, limit: usize) -> Result<Page, Fault> {
    let Some(table) = PARTS.get(place.part) else {
        let records = last_numbers(view)?;
        return Ok(Page {
            records,
            next: None,
        });
    };
    let prefix = Key::of(*table);
    let limit = limit.max(1);
    let after = decode(&place.after)?;
    let after = (!after.is_empty()).then_some(after);
    let found = view.scan(&prefix, after.as_deref()).take(limit);
    let found: Vec<Pair> = found.collect::<Result<_, _>>()?;
    let last = found.last().filter(|_| found.len() == limit);
    let next = match last {
        Some((key, _)) => Place {
            part: place.part,
            after: encode(&key[prefix.as_bytes().len()..]),
        },
        None => Place {
            part: place.part + 1,
            after: String::new(),
        },
    };
    let records = match table {
        Table::InboxByRoom => in_rooms(view, &found),
        table => found
            .iter()
            .map(|pair| record(view, *table, pair))
            .collect(),
    };
    Ok(Page {
        records: records?,
        next: Some(next),
    })
}

/// Entries of inboxes, each with how many of its room come before it.
fn in_rooms(view: &View, found: &[Pair]) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::with_capacity(found.len());
    let mut former: Option<(&[u8], u64)> = None;
    for (key, _) in found {
        let id = InboxId(last_number(key)?);
        let held: inbox::Held = view.read_known(&inbox::key(id))?;
        let room = inbox::room_in(key)?;
        // Counted once for a room and page: there may be many.
        let place = match former {
            Some((of, place)) if of == room => place + 1,
            _ => inbox::entries_before(view, room, key)?,
        };
        former = Some((room, place));
        records.push(Record::Inbox {
            account: held.account.clone(),
            place,
            entry: InboxEntry {
                id,
                entry: held.into_entry(),
            },
        });
    }
    Ok(records)
}

fn record(view: &View, table: Table, pair: &Pair) -> Result<Record, Fault> {
    let key = Key::from(pair.0.clone());
    Ok(match table {
        Table::MarkByPlace => {
            let (digest, at) = mark::found(view, pair)?;
            Record::Mark { digest, at }
        }
        Table::Room => {
            let room::Room { account, facts } = view.read_known(&key)?;
            Record::Room { account, facts }
        }
        Table::ParkedEvent => {
            let held: parked::Held = view.read_known(&key)?;
            Record::ParkedEvent {
                account: held.account.clone(),
                event: ParkedEvent {
                    id: ParkedEventId(last_number(&pair.0)?),
                    event: held.into_event(),
                },
            }
        }
        Table::Value => {
            let record = view.record(&key)?.unwrap_or_default();
            let (key, value) = value::decode(&key, &record)?;
            Record::Value { key, value }
        }
        Table::Lease => {
            let lease: lease::Lease = view.read_known(&key)?;
            Record::Lease {
                name: lease.name,
                fence: lease.fence,
            }
        }
        Table::Row => return whole_row(view, row::id_in(&pair.0)?),
        Table::Outcome => {
            let held: outcome::Held = view.read_known(&key)?;
            let cursor = OutcomeCursor(last_number(&pair.0)?);
            Record::Outcome(held.into_outcome(cursor))
        }
        Table::Link => {
            let link::Link { link, event } = view.read_known(&key)?;
            Record::Link { link, event }
        }
        _ => {
            let stored: source::Source = view.read_known(&key)?;
            Record::Source {
                source: stored.source.clone(),
                checkpoint: stored.checkpoint(),
            }
        }
    })
}

/// A row, which is under no claim any more.
fn whole_row(view: &View, id: RowId) -> Result<Record, Fault> {
    let head = row::known_head(view, id)?;
    let due = head.due;
    let settled = match head.state {
        State::Waiting | State::Claimed(_) => None,
        State::Parked(at, _) | State::Shadow(at) | State::Sent(at, _) => Some(at),
    };
    let mut row = Box::new(head.into_row(id, row::body(view, id)?));
    if let RowState::Claimed { .. } = row.state {
        row.state = RowState::Waiting { due };
    }
    Ok(Record::Row { row, settled })
}

fn last_numbers(view: &View) -> Result<Vec<Record>, Fault> {
    let last = |of| {
        let number = count::last(view, of)?;
        Ok(Record::Last { of, number })
    };
    Counted::ALL.into_iter().map(last).collect()
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::Invalid(Reason("the place is not one of this store").into());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    pairs
        .iter()
        .map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        })
        .collect::<Option<_>>()
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was() {
        let bytes: Vec<u8> = (0..=255).collect();

        assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        assert!(decode("0").is_err());
        assert!(decode("zz").is_err());
    }
}
