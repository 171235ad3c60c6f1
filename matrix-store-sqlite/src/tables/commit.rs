//! One batch: all of it, or nothing.

use matrix_bridge_core::{
    Account, Batch, CommitOutcome, Digest, RoomFacts, Stale, Timestamp, ruma::OwnedEventId,
};

use super::{inbox, lease, parked, room, source, value};
use crate::{fault::Fault, marks, outbox, writer::Work};

pub(crate) fn commit(work: &mut Work<'_>, batch: Batch) -> Result<CommitOutcome, Fault> {
    if let Some(stale) = why_stale(work, &batch)? {
        return Ok(CommitOutcome::Stale(stale));
    }
    write(work, batch)?;
    Ok(CommitOutcome::Applied)
}

/// Whether a person may commit it beside the engine: it decides about parked events and
/// adds things. What the engine holds in memory (marks, and each room's last event) and
/// what it works on it alone may write.
pub(crate) fn is_of_a_person(batch: &Batch) -> bool {
    let Batch {
        account: _,
        now: _,
        owner,
        advance,
        marks,
        rows: _,
        inbox: _,
        inbox_done,
        inbox_retry,
        fills,
        parked: _,
        parked_done: _,
        facts,
        values: _,
    } = batch;
    let is_of_the_engine = owner.is_some() || advance.is_some();
    let touches_its_work = !(inbox_done.is_empty() && inbox_retry.is_empty() && fills.is_empty());
    let touches_its_memory = !(marks.is_empty() && facts.is_empty());
    !(is_of_the_engine || touches_its_work || touches_its_memory)
}

fn why_stale(work: &Work<'_>, batch: &Batch) -> Result<Option<Stale>, Fault> {
    let connection = work.connection;
    if let Some(owner) = &batch.owner
        && !lease::is_held(connection, &owner.lease, owner.fence)?
    {
        return Ok(Some(Stale::Owner));
    }
    if let Some(advance) = &batch.advance {
        let current = source::checkpoint(connection, &advance.source)?;
        if current.generation != advance.expected {
            return Ok(Some(Stale::Source(current)));
        }
    }
    let retried = batch.inbox_retry.iter().map(|retry| retry.id);
    for id in batch.inbox_done.iter().copied().chain(retried) {
        if !inbox::has(connection, &batch.account, id)? {
            return Ok(Some(Stale::Inbox(id)));
        }
    }
    for fill in &batch.fills {
        if !inbox::is_open_gap(connection, &batch.account, fill.gap)? {
            return Ok(Some(Stale::Inbox(fill.gap)));
        }
    }
    if let Some(gap) = batch.gap_named_twice() {
        return Ok(Some(Stale::Inbox(gap)));
    }
    for id in batch.parked_done.iter().copied() {
        if !parked::has(connection, &batch.account, id)? {
            return Ok(Some(Stale::Parked(id)));
        }
    }
    Ok(None)
}

fn write(work: &mut Work<'_>, batch: Batch) -> Result<(), Fault> {
    let Batch {
        account,
        now,
        owner: _,
        advance,
        marks,
        rows,
        inbox,
        inbox_done,
        inbox_retry,
        fills,
        parked,
        parked_done,
        facts,
        values,
    } = batch;
    let connection = work.connection;
    if let Some(advance) = advance {
        source::advance(connection, &advance)?;
    }
    mark(work, &account, &marks, now)?;
    for row in &rows {
        outbox::enqueue::row(connection, row, now)?;
    }
    for retry in inbox_retry {
        inbox::put_off(connection, retry)?;
    }
    for id in inbox_done {
        inbox::remove(connection, id)?;
    }
    for fill in &fills {
        inbox::fill(connection, &account, fill)?;
    }
    for entry in &inbox {
        inbox::push(connection, &account, entry)?;
    }
    for room in &facts {
        learn(work, &account, room)?;
    }
    for change in &values {
        value::change(connection, change)?;
    }
    for id in parked_done {
        parked::remove(connection, id)?;
    }
    for event in &parked {
        parked::push(connection, &account, event)?;
    }
    Ok(())
}

/// A mark that is there keeps its age.
fn mark(
    work: &mut Work<'_>,
    account: &Account,
    events: &[OwnedEventId],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut new = Vec::with_capacity(events.len());
    for event in events {
        let digest = Digest::of(account, event.as_str());
        if !work.is_marked(&digest) {
            work.staged.added.insert(digest);
            new.push((now, digest));
        }
    }
    marks::append(work.connection, &new)
}

fn learn(work: &mut Work<'_>, account: &Account, facts: &RoomFacts) -> Result<(), Fault> {
    room::set(work.connection, account, facts)?;
    let room = Digest::of(account, facts.room.as_str());
    let last_seen = facts.last_seen.as_ref();
    let event = last_seen.map(|last| Digest::of(account, last.event_id.as_str()));
    work.staged.last_seen.push((room, event));
    Ok(())
}
