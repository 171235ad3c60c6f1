//! One batch: all of it, or nothing.

use matrix_bridge_core::{Batch, CommitOutcome, InboxId, ParkedEventId, Stale};

use super::{inbox, lease, mark, parked, room, source, value};
use crate::{
    fault::Fault,
    fields::number,
    outbox,
    session::{Session, Tx},
};

pub(crate) async fn commit(session: &mut Session, batch: Batch) -> Result<CommitOutcome, Fault> {
    let tx = session.begin().await?;
    if let Some(stale) = why_stale(&tx, &batch).await? {
        tx.roll_back().await?;
        return Ok(CommitOutcome::Stale(stale));
    }
    write(&tx, batch).await?;
    tx.commit().await?;
    Ok(CommitOutcome::Applied)
}

/// What is looked at stays so until the transaction ends.
async fn why_stale(tx: &Tx<'_>, batch: &Batch) -> Result<Option<Stale>, Fault> {
    if let Some(owner) = &batch.owner
        && !lease::is_held(tx, &owner.lease, owner.fence).await?
    {
        return Ok(Some(Stale::Owner));
    }
    if let Some(advance) = &batch.advance {
        let current = source::lock(tx, &advance.source).await?;
        if current.generation != advance.expected {
            return Ok(Some(Stale::Source(current)));
        }
    }
    if let Some(id) = missing_inbox(tx, batch).await? {
        return Ok(Some(Stale::Inbox(id)));
    }
    let missing = missing_parked(tx, batch).await?;
    Ok(missing.map(Stale::Parked))
}

async fn missing_inbox(tx: &Tx<'_>, batch: &Batch) -> Result<Option<InboxId>, Fault> {
    let retried = batch.inbox_retry.iter().map(|retry| retry.id);
    let named: Vec<InboxId> = batch.inbox_done.iter().copied().chain(retried).collect();
    let gaps: Vec<InboxId> = batch.fills.iter().map(|fill| fill.gap).collect();
    if named.is_empty() && gaps.is_empty() {
        return Ok(None);
    }
    let all: Vec<i64> = named.iter().chain(&gaps).map(|id| number(id.0)).collect();
    let there = inbox::lock(tx, &batch.account, &all).await?;
    if let Some(id) = named.iter().find(|id| !there.contains(&number(id.0))) {
        return Ok(Some(*id));
    }
    if !gaps.is_empty() {
        let ids: Vec<i64> = gaps.iter().map(|id| number(id.0)).collect();
        let open = inbox::open_gaps(tx, &batch.account, &ids).await?;
        if let Some(id) = gaps.iter().find(|id| !open.contains(&number(id.0))) {
            return Ok(Some(*id));
        }
    }
    Ok(batch.gap_named_twice())
}

async fn missing_parked(tx: &Tx<'_>, batch: &Batch) -> Result<Option<ParkedEventId>, Fault> {
    if batch.parked_done.is_empty() {
        return Ok(None);
    }
    let ids: Vec<i64> = batch.parked_done.iter().map(|id| number(id.0)).collect();
    let there = parked::lock(tx, &batch.account, &ids).await?;
    let mut ids = batch.parked_done.iter();
    Ok(ids.find(|id| !there.contains(&number(id.0))).copied())
}

async fn write(tx: &Tx<'_>, batch: Batch) -> Result<(), Fault> {
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
        source::advance(tx, &advance).await?;
    }
    mark::set(tx, &account, &marks, now).await?;
    outbox::enqueue::rows(tx, &rows, now).await?;
    for retry in inbox_retry {
        inbox::put_off(tx, retry).await?;
    }
    let done: Vec<i64> = inbox_done.iter().map(|id| number(id.0)).collect();
    inbox::remove(tx, &done).await?;
    for fill in &fills {
        inbox::fill(tx, &account, fill).await?;
    }
    inbox::push(tx, &account, &inbox).await?;
    room::set(tx, &account, &facts).await?;
    value::change(tx, &values).await?;
    let done: Vec<i64> = parked_done.iter().map(|id| number(id.0)).collect();
    parked::remove(tx, &done).await?;
    for event in &parked {
        parked::push(tx, &account, event).await?;
    }
    Ok(())
}
