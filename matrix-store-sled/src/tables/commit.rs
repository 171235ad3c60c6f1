//! One batch: all of it, or nothing.

use matrix_bridge_core::{Batch, CommitOutcome, Digest, Stale};

use super::{inbox, lease, mark, parked, room, source, value};
use crate::{fault::Fault, outbox::enqueue, tree::View};

pub(crate) fn commit(view: &mut View, batch: Batch) -> Result<CommitOutcome, Fault> {
    if let Some(stale) = why_stale(view, &batch)? {
        return Ok(CommitOutcome::Stale(stale));
    }
    write(view, batch)?;
    Ok(CommitOutcome::Applied)
}

fn why_stale(view: &View, batch: &Batch) -> Result<Option<Stale>, Fault> {
    if let Some(owner) = &batch.owner
        && !lease::is_held(view, &owner.lease, owner.fence)?
    {
        return Ok(Some(Stale::Owner));
    }
    if let Some(advance) = &batch.advance {
        let current = source::checkpoint(view, &advance.source)?;
        if current.generation != advance.expected {
            return Ok(Some(Stale::Source(current)));
        }
    }
    let retried = batch.inbox_retry.iter().map(|retry| retry.id);
    for id in batch.inbox_done.iter().copied().chain(retried) {
        if !inbox::has(view, &batch.account, id)? {
            return Ok(Some(Stale::Inbox(id)));
        }
    }
    for fill in &batch.fills {
        if !inbox::is_open_gap(view, &batch.account, fill.gap)? {
            return Ok(Some(Stale::Inbox(fill.gap)));
        }
    }
    if let Some(gap) = batch.gap_named_twice() {
        return Ok(Some(Stale::Inbox(gap)));
    }
    for id in batch.parked_done.iter().copied() {
        if !parked::has(view, &batch.account, id)? {
            return Ok(Some(Stale::Parked(id)));
        }
    }
    Ok(None)
}

fn write(view: &mut View, batch: Batch) -> Result<(), Fault> {
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
    if let Some(advance) = advance {
        source::advance(view, advance)?;
    }
    for event in &marks {
        mark::set(view, &Digest::of(&account, event.as_str()), now)?;
    }
    enqueue::rows(view, rows, now)?;
    for retry in inbox_retry {
        inbox::put_off(view, retry)?;
    }
    for id in inbox_done {
        inbox::remove(view, id)?;
    }
    for fill in fills {
        inbox::fill(view, fill)?;
    }
    for entry in inbox {
        inbox::push(view, &account, entry)?;
    }
    for room in facts {
        room::set(view, account.clone(), room)?;
    }
    for change in values {
        value::change(view, change)?;
    }
    for id in parked_done {
        parked::remove(view, id)?;
    }
    for event in parked {
        parked::push(view, &account, event)?;
    }
    Ok(())
}
