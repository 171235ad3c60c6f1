//! Faults of gaps and what fills them.

use async_trait::async_trait;
use matrix_bridge_core::{Batch, CommitOutcome, Stale, Store, StoreError};

use super::fault::Fault;

/// What was read of a gap goes to the end of its room.
#[derive(Debug, Default)]
pub(super) struct FillAtEnd;

#[async_trait]
impl Fault for FillAtEnd {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let filled = batch.fills.iter_mut();
        let entries: Vec<_> = filled.flat_map(|fill| fill.entries.drain(..)).collect();
        batch.inbox.splice(0..0, entries);
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FillReversed;

#[async_trait]
impl Fault for FillReversed {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for fill in &mut batch.fills {
            fill.entries.reverse();
        }
        inner.commit(batch).await
    }
}

/// Fills of what is no gap in front of its room are left out.
#[derive(Debug, Default)]
pub(super) struct NoFillFence;

#[async_trait]
impl Fault for NoFillFence {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        loop {
            let outcome = inner.commit(batch.clone()).await?;
            let CommitOutcome::Stale(Stale::Inbox(id)) = outcome else {
                return Ok(outcome);
            };
            let before = batch.fills.len();
            let named_twice = batch.gap_named_twice() == Some(id);
            batch.fills.retain(|fill| named_twice || fill.gap != id);
            if batch.fills.len() == before {
                return Ok(outcome);
            }
        }
    }
}

/// Of a gap that is named twice only the first is written.
#[derive(Debug, Default)]
pub(super) struct GapNamedTwice;

#[async_trait]
impl Fault for GapNamedTwice {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        while let Some(gap) = batch.gap_named_twice() {
            batch.fills.retain(|fill| fill.gap != gap);
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct GapGone;

#[async_trait]
impl Fault for GapGone {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for fill in &mut batch.fills {
            fill.rest = None;
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct GapBegunAnew;

#[async_trait]
impl Fault for GapBegunAnew {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for gap in batch.fills.iter_mut().filter_map(|fill| fill.rest.as_mut()) {
            gap.from = None;
        }
        inner.commit(batch).await
    }
}
