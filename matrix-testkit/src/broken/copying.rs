//! What may be lost on a move.

use matrix_bridge_core::{
    Account, Fence, Generation, InboxItem, OrderPolicy, OutcomeCursor, Page, Record, Row, RowState,
    Timestamp, ValueKey,
};

pub(super) fn marks_reversed(mut records: Vec<Record>) -> Vec<Record> {
    records.reverse();
    records
}

pub(super) fn marks_aged(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Mark { at, .. } = record {
            *at = Timestamp(0);
        }
    }
    records
}

pub(super) fn ids_begun_anew(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Last { number, .. } = record {
            *number = 0;
        }
    }
    records
}

pub(super) fn fences_begun_anew(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Lease { fence, .. } = record {
            *fence = Fence(0);
        }
    }
    records
}

pub(super) fn generations_begun_anew(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Source { checkpoint, .. } = record {
            checkpoint.generation = Generation(0);
        }
    }
    records
}

pub(super) fn cursors_begun_anew(mut records: Vec<Record>) -> Vec<Record> {
    let outcomes = records.iter_mut().filter_map(|record| match record {
        Record::Outcome(outcome) => Some(outcome),
        _ => None,
    });
    for (n, outcome) in (1..).zip(outcomes) {
        outcome.cursor = OutcomeCursor(n);
    }
    records
}

pub(super) fn unblocked(mut records: Vec<Record>) -> Vec<Record> {
    for row in rows(&mut records) {
        if let RowState::Parked { .. } = row.state {
            row.body.order = OrderPolicy::GoOn;
        }
    }
    records
}

pub(super) fn due_at_once(mut records: Vec<Record>) -> Vec<Record> {
    for row in rows(&mut records) {
        if let RowState::Waiting { due } = &mut row.state {
            *due = row.created;
        }
    }
    records
}

pub(super) fn first_attempts_forgotten(mut records: Vec<Record>) -> Vec<Record> {
    for row in rows(&mut records) {
        row.first_attempt = None;
    }
    records
}

pub(super) fn attempts_forgotten(mut records: Vec<Record>) -> Vec<Record> {
    for row in rows(&mut records) {
        row.attempts = 0;
    }
    records
}

pub(super) fn settled_forgotten(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Row { settled, .. } = record {
            *settled = None;
        }
    }
    records
}

pub(super) fn sent_left_behind(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| match record {
        Record::Row { row, .. } => !matches!(row.state, RowState::Sent { .. }),
        _ => true,
    });
    records
}

pub(super) fn places_forgotten(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Inbox { place, .. } = record {
            *place = 0;
        }
    }
    records
}

/// Beyond the places of all that will come.
pub(super) fn places_behind(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Inbox { place, .. } = record {
            *place += (1 << 62) + (1 << 32);
        }
    }
    records
}

pub(super) fn accounts_merged(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Room { account, .. }
        | Record::Inbox { account, .. }
        | Record::ParkedEvent { account, .. } = record
        {
            *account = Account::new("@bot:example.org");
        }
    }
    records
}

pub(super) fn links_left_behind(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| !matches!(record, Record::Link { .. }));
    records
}

pub(super) fn keys_cut(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Value { key, .. } = record {
            let cut = |text: &str| text.split('\0').next().unwrap_or_default().to_owned();
            *key = ValueKey::new(cut(&key.namespace), cut(&key.key));
        }
    }
    records
}

pub(super) fn last_seen_forgotten(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Room { facts, .. } = record {
            facts.last_seen = None;
        }
    }
    records
}

pub(super) fn large_pages_cut(mut records: Vec<Record>) -> Vec<Record> {
    records.truncate(999);
    records
}

/// All other entries move one place down.
pub(super) fn gaps_in_front(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::Inbox { place, entry, .. } = record {
            *place = match entry.entry.item {
                InboxItem::Gap(_) => 0,
                InboxItem::Event { .. } => *place + 1,
            };
        }
    }
    records
}

pub(super) fn parked_events_renumbered(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if let Record::ParkedEvent { event, .. } = record {
            event.id.0 += 1_000;
        }
    }
    records
}

pub(super) fn shadow_left_behind(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| match record {
        Record::Row { row, .. } => row.state != RowState::Shadow,
        _ => true,
    });
    records
}

/// The stores in memory count places.
pub(super) fn pages_overlap(page: &mut Page) {
    if let Some(next) = &mut page.next
        && page.records.len() > 1
    {
        next.part -= 1;
    }
}

pub(super) fn pages_skip(page: &mut Page) {
    if let Some(next) = &mut page.next {
        next.part += 1;
    }
}

fn rows(records: &mut [Record]) -> impl Iterator<Item = &mut Row> {
    records.iter_mut().filter_map(|record| match record {
        Record::Row { row, .. } => Some(&mut **row),
        _ => None,
    })
}
