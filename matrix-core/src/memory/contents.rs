//! All of it, record by record.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    MemoryStore,
    queue::{Entry, Queue},
    state::State,
};
use crate::{
    ClaimToken, Contents, Counted, InboxId, OutcomeCursor, Page, ParkedEvent, ParkedEventId, Place,
    Record, Row, RowId, RowState, StoreError, StoreErrorKind, Timestamp,
};

#[async_trait]
impl Contents for MemoryStore {
    async fn size(&self) -> Result<u64, StoreError> {
        self.call_unfinished("counting records", |state| state.records().len() as u64)
    }

    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError> {
        self.call_unfinished("reading records", |state| {
            let records = state.records();
            let from = place.part.min(records.len());
            let to = from.saturating_add(limit).min(records.len());
            let next = (to < records.len()).then(|| Place {
                part: to,
                after: String::new(),
            });
            Page {
                records: records[from..to].to_vec(),
                next,
            }
        })
    }

    async fn begin(&self) -> Result<(), StoreError> {
        let doing = "making ready for a copy";
        let is_ready = self.call_unfinished(doing, |state| {
            let is_empty = state.records().iter().all(is_nothing);
            if is_empty || state.is_unfinished {
                *state = State::default();
                state.is_unfinished = true;
            }
            state.is_unfinished
        })?;
        match is_ready {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Invalid, doing)
                .with_source("there is something in the store already")),
        }
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.call_unfinished("writing records", |state| {
            for record in records {
                state.take(record);
            }
        })
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.call_unfinished("ending a copy", |state| state.is_unfinished = false)
    }
}

/// Whether a store with nothing but this is empty.
const fn is_nothing(record: &Record) -> bool {
    matches!(record, Record::Last { number: 0, .. })
}

impl State {
    fn records(&self) -> Vec<Record> {
        let sources = self.sources.iter().map(|(source, at)| Record::Source {
            source: source.clone(),
            checkpoint: at.clone(),
        });
        let marks = self.marks.all();
        let marks = marks.map(|(digest, at)| Record::Mark { digest, at });
        let rooms = self.rooms.all().map(|(account, facts)| Record::Room {
            account: account.clone(),
            facts: facts.clone(),
        });
        let parked = self.parked.iter();
        let parked = parked.map(|(id, (account, event))| Record::ParkedEvent {
            account: account.clone(),
            event: ParkedEvent {
                id: *id,
                event: event.clone(),
            },
        });
        let values = self.values.iter().map(|(key, value)| Record::Value {
            key: key.clone(),
            value: value.clone(),
        });
        let leases = self.leases.fences().map(|(name, fence)| Record::Lease {
            name: name.clone(),
            fence,
        });
        let last = Counted::ALL.map(|of| Record::Last {
            of,
            number: self.last(of),
        });
        let received = sources.chain(marks).chain(rooms).chain(self.inbox.all());
        let kept = parked.chain(values).chain(leases);
        let all = received.chain(kept).chain(self.queue.records()).chain(last);
        all.collect()
    }

    const fn last(&self, of: Counted) -> u64 {
        match of {
            Counted::Rows => self.queue.last_row.0,
            Counted::Inbox => self.inbox.last_id().0,
            Counted::ParkedEvents => self.last_parked.0,
            Counted::Claims => self.queue.last_token.0,
            Counted::Outcomes => self.queue.outcomes.last.0,
        }
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Source { source, checkpoint } => {
                self.sources.insert(source, checkpoint);
            }
            Record::Mark { digest, at } => self.marks.set(digest, at),
            Record::Room { account, facts } => self.rooms.set(account, facts),
            Record::Inbox {
                account,
                place,
                entry,
            } => self.inbox.restore(account, place, entry),
            Record::ParkedEvent {
                account,
                event: ParkedEvent { id, event },
            } => {
                self.parked.insert(id, (account, event));
            }
            Record::Value { key, value } => {
                self.values.insert(key, value);
            }
            Record::Lease { name, fence } => self.leases.restore(name, fence),
            Record::Row { row, settled } => self.queue.restore(*row, settled.unwrap_or_default()),
            Record::Outcome(outcome) => self.queue.outcomes.list.push(outcome),
            Record::Link { link, event } => self.queue.links.set(&link, event),
            Record::Last { of, number } => self.set_last(of, number),
        }
    }

    const fn set_last(&mut self, of: Counted, number: u64) {
        match of {
            Counted::Rows => self.queue.last_row = RowId(number),
            Counted::Inbox => self.inbox.set_last_id(InboxId(number)),
            Counted::ParkedEvents => self.last_parked = ParkedEventId(number),
            Counted::Claims => self.queue.last_token = ClaimToken(number),
            Counted::Outcomes => self.queue.outcomes.last = OutcomeCursor(number),
        }
    }
}

impl Queue {
    fn records(&self) -> impl Iterator<Item = Record> {
        let rows = self.rows.values().map(Entry::record);
        let outcomes = self.outcomes.list.iter().cloned().map(Record::Outcome);
        let links = self.links.all().map(|(link, event)| Record::Link {
            link: link.clone(),
            event: event.clone(),
        });
        rows.chain(outcomes).chain(links)
    }

    fn restore(&mut self, row: Row, settled: Timestamp) {
        let (id, lane) = (row.id, row.lane.clone());
        self.keys.insert(row.key.clone(), id);
        let due = match row.state {
            RowState::Waiting { due } => {
                let rows: &mut BTreeSet<RowId> = self.lanes.entry(lane.clone()).or_default();
                rows.insert(id);
                due
            }
            _ => row.created,
        };
        let entry = Entry {
            row,
            due,
            until: Timestamp::default(),
            is_first_claim: false,
            settled,
        };
        if entry.blocks() {
            self.block(lane, id);
        }
        self.rows.insert(id, entry);
    }
}

impl Entry {
    fn record(&self) -> Record {
        let mut row = Box::new(self.row.clone());
        let settled = match row.state {
            RowState::Claimed { .. } => {
                row.state = RowState::Waiting { due: self.due };
                None
            }
            RowState::Waiting { .. } => None,
            RowState::Parked { .. } | RowState::Shadow | RowState::Sent { .. } => {
                Some(self.settled)
            }
        };
        Record::Row { row, settled }
    }
}
