//! What may be lost on a move.

use matrix_bridge_core::{
    Account, Fence, Generation, OrderPolicy, OutcomeCursor, Page, Record, Row, RowState, Timestamp,
    ValueKey,
};

pub(super) fn marks_reversed(records: &mut Vec<Record>) {
    records.reverse();
}

pub(super) fn marks_aged(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Mark { at, .. } = record {
            *at = Timestamp(0);
        }
    }
}

pub(super) fn ids_begun_anew(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Last { number, .. } = record {
            *number = 0;
        }
    }
}

pub(super) fn fences_begun_anew(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Lease { fence, .. } = record {
            *fence = Fence(0);
        }
    }
}

pub(super) fn generations_begun_anew(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Source { checkpoint, .. } = record {
            checkpoint.generation = Generation(0);
        }
    }
}

pub(super) fn cursors_begun_anew(records: &mut Vec<Record>) {
    let outcomes = records.iter_mut().filter_map(|record| match record {
        Record::Outcome(outcome) => Some(outcome),
        _ => None,
    });
    for (n, outcome) in (1..).zip(outcomes) {
        outcome.cursor = OutcomeCursor(n);
    }
}

pub(super) fn unblocked(records: &mut Vec<Record>) {
    for row in rows(records) {
        if let RowState::Parked { .. } = row.state {
            row.body.order = OrderPolicy::GoOn;
        }
    }
}

pub(super) fn due_at_once(records: &mut Vec<Record>) {
    for row in rows(records) {
        if let RowState::Waiting { due } = &mut row.state {
            *due = row.created;
        }
    }
}

pub(super) fn first_attempts_forgotten(records: &mut Vec<Record>) {
    for row in rows(records) {
        row.first_attempt = None;
    }
}

pub(super) fn attempts_forgotten(records: &mut Vec<Record>) {
    for row in rows(records) {
        row.attempts = 0;
    }
}

pub(super) fn settled_forgotten(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Row { settled, .. } = record {
            *settled = None;
        }
    }
}

pub(super) fn sent_left_behind(records: &mut Vec<Record>) {
    records.retain(|record| match record {
        Record::Row { row, .. } => !matches!(row.state, RowState::Sent { .. }),
        _ => true,
    });
}

pub(super) fn places_forgotten(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Inbox { place, .. } = record {
            *place = 0;
        }
    }
}

/// Beyond the places of all that will come.
pub(super) fn places_behind(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Inbox { place, .. } = record {
            *place += (1 << 62) + (1 << 32);
        }
    }
}

pub(super) fn accounts_merged(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Room { account, .. }
        | Record::Inbox { account, .. }
        | Record::ParkedEvent { account, .. } = record
        {
            *account = Account::new("@bot:example.org");
        }
    }
}

pub(super) fn links_left_behind(records: &mut Vec<Record>) {
    records.retain(|record| !matches!(record, Record::Link { .. }));
}

pub(super) fn keys_cut(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Value { key, .. } = record {
            let cut = |text: &str| text.split('\0').next().unwrap_or_default().to_owned();
            *key = ValueKey::new(cut(&key.namespace), cut(&key.key));
        }
    }
}

pub(super) fn last_seen_forgotten(records: &mut Vec<Record>) {
    for record in records {
        if let Record::Room { facts, .. } = record {
            facts.last_seen = None;
        }
    }
}

pub(super) fn large_pages_cut(records: &mut Vec<Record>) {
    records.truncate(999);
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
