//! What a run draws at random: batches, rows, verdicts.

use std::time::Duration;

use matrix_bridge_core::{
    Batch, EndpointClass, Fence, GapFill, InboxId, InboxRetry, NewInboxEntry, NewRow, Owner,
    Timestamp, Verdict,
};

use super::{
    model::Model,
    run::{EVENTS, ROOMS, Run, VALUES},
    seeded::Seeded,
};
use crate::conformance::sample::{
    advance, batch, blocking, event, from, gap, inbox_event, inbox_gap, last_seen, lease_name,
    linked, message, parked, parked_event, reason, remove, room, row, set, shadow,
};

impl Run {
    /// A batch of anything, now and then stale.
    pub(super) fn batch(&mut self) -> Batch {
        let seeded = &mut self.seeded;
        let mut batch = Batch {
            now: self.now,
            ..batch()
        };
        if seeded.chance(20) {
            let fence = Fence(self.model.fence.0.saturating_sub(seeded.below(2)));
            let lease = lease_name();
            batch.owner = Some(Owner { lease, fence });
        }
        if seeded.chance(50) {
            let generation = self.model.checkpoint.generation.0;
            let position = format!("s{}", seeded.below(100));
            let lag = if seeded.chance(20) { 1 } else { 0 };
            batch.advance = advance(generation.saturating_sub(lag), &position);
        }
        for _ in 0..seeded.below(3) {
            batch.marks.push(event(&seeded.below(EVENTS).to_string()));
        }
        for _ in 0..seeded.below(4) {
            batch.rows.push(random_row(seeded, self.now));
        }
        for _ in 0..seeded.below(2) {
            let name = seeded.below(EVENTS).to_string();
            let room = seeded.pick(&ROOMS).expect("there are rooms");
            let received = self.now;
            let entry = match seeded.chance(25) {
                true => inbox_gap(&name, room),
                false => inbox_event(&name, room),
            };
            batch.inbox.push(NewInboxEntry { received, ..entry });
        }
        // Mostly those received last: the older ones tend to be settled, hence stale.
        let recent = self.received.len().saturating_sub(3);
        if seeded.chance(40) {
            batch
                .inbox_done
                .extend(seeded.pick(&self.received[recent..]));
        }
        if seeded.chance(20) {
            let id = seeded.pick(&self.received[recent..]).copied();
            let attempts = u32::from(seeded.chance(50));
            let due = self.now;
            let retry = id.map(|id| InboxRetry { id, attempts, due });
            batch.inbox_retry.extend(retry);
        }
        if seeded.chance(40) {
            let open = self.model.open_gaps();
            let gap = match seeded.chance(80) {
                true => seeded.pick(&open),
                false => seeded.pick(&self.received[recent..]),
            };
            let fill = gap.map(|gap| random_fill(seeded, &self.model, *gap, self.now));
            batch.fills.extend(fill);
        }
        if seeded.chance(20) {
            let name = seeded.below(EVENTS).to_string();
            batch.parked.push(parked_event(&name));
        }
        if seeded.chance(20) {
            let recent = self.parked.len().saturating_sub(3);
            batch
                .parked_done
                .extend(seeded.pick(&self.parked[recent..]));
        }
        if seeded.chance(20) {
            let name = seeded.pick(&ROOMS).expect("there are rooms");
            let last = seeded.below(EVENTS).to_string();
            batch.facts.push(last_seen(name, &last));
        }
        if seeded.chance(30) {
            let name = seeded.pick(&VALUES).expect("there are values");
            let change = [set(name, "1"), set(name, "2"), remove(name)];
            batch.values.extend(seeded.pick(&change).cloned());
        }
        batch
    }
}

pub(super) fn random_row(seeded: &mut Seeded, now: Timestamp) -> NewRow {
    let key = seeded.below(120).to_string();
    let lane = format!("lane-{}", seeded.below(3));
    let mut row = NewRow {
        created: now + Duration::from_millis(seeded.below(3) * 10),
        ..row(&key, &lane)
    };
    if seeded.chance(20) {
        row = from(row, "ghost");
    }
    if seeded.chance(10) {
        row.class = EndpointClass::Invite;
    }
    if seeded.chance(15) {
        row = blocking(row);
    }
    if seeded.chance(30) {
        row = linked(row, &key);
    }
    match seeded.below(10) {
        0 => shadow(row),
        1 => parked(row),
        _ => row,
    }
}

pub(super) fn random_verdict(seeded: &mut Seeded, now: Timestamp) -> Verdict {
    match seeded.below(10) {
        0..3 => Verdict::Sent(Some(event(&format!("sent-{}", seeded.below(1_000))))),
        3..6 => Verdict::Retry {
            due: now + Duration::from_millis(seeded.below(60)),
            counted: seeded.chance(50),
        },
        6 => Verdict::Release,
        7 => Verdict::Park(reason("at random")),
        8 => Verdict::Shadow,
        _ => Verdict::Amend(message(&seeded.below(100).to_string())),
    }
}

/// Of a gap that may not be there.
fn random_fill(seeded: &mut Seeded, model: &Model, gap_id: InboxId, now: Timestamp) -> GapFill {
    let mut inbox = model.inbox.iter();
    let gap_entry = inbox.find(|(id, _)| *id == gap_id);
    let room = gap_entry.map_or_else(|| room(ROOMS[0]), |(_, gap)| gap.room.clone());
    let entry = |seeded: &mut Seeded| NewInboxEntry {
        room: room.clone(),
        received: now,
        ..inbox_event(&seeded.below(EVENTS).to_string(), ROOMS[0])
    };
    GapFill {
        gap: gap_id,
        entries: (0..seeded.below(4)).map(|_| entry(seeded)).collect(),
        rest: seeded
            .chance(60)
            .then(|| gap(&seeded.below(EVENTS).to_string())),
    }
}
