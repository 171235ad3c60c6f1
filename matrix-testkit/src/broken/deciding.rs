//! Faults of what a person sees and decides.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_core::{
    Account, Batch, CommitOutcome, ListState, NewRow, ParkedEventId, ParkedRows, PruneLimits,
    Pruned, Row, RowId, RowKey, Stale, Store, StoreError, Timestamp,
};

use super::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct NoParkedFence;

#[async_trait]
impl Fault for NoParkedFence {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        loop {
            let outcome = inner.commit(batch.clone()).await?;
            let CommitOutcome::Stale(Stale::Parked(missing)) = outcome else {
                return Ok(outcome);
            };
            batch.parked_done.retain(|id| *id != missing);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct ParkedForGood;

#[async_trait]
impl Fault for ParkedForGood {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.parked_done.clear();
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ParkedPagesOverlap;

impl Fault for ParkedPagesOverlap {
    fn parked_before(&self, _before: Option<ParkedEventId>) -> Option<ParkedEventId> {
        None
    }
}

#[derive(Debug, Default)]
pub(super) struct MissingRowsLeftOut;

impl Fault for MissingRowsLeftOut {
    fn rows(&self, mut rows: Vec<Option<Row>>) -> Vec<Option<Row>> {
        rows.retain(Option::is_some);
        rows
    }
}

#[derive(Debug, Default)]
pub(super) struct ParkedForOneReason;

impl Fault for ParkedForOneReason {
    fn parked(&self, parked: Vec<ParkedRows>) -> Vec<ParkedRows> {
        let sum = parked.into_iter().reduce(|sum, other| ParkedRows {
            code: sum.code,
            rows: sum.rows + other.rows,
            oldest: sum.oldest.min(other.oldest),
        });
        sum.into_iter().collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct RequeueLate;

#[async_trait]
impl Fault for RequeueLate {
    async fn requeue(
        &self,
        inner: &dyn Store,
        rows: &[RowId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        inner.requeue(rows, now + Duration::from_secs(60)).await
    }
}

/// Remembers how often requeued rows were tried before.
#[derive(Debug, Default)]
pub(super) struct AttemptsKept(Mutex<BTreeMap<RowId, u32>>);

#[async_trait]
impl Fault for AttemptsKept {
    async fn requeue(
        &self,
        inner: &dyn Store,
        rows: &[RowId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let parked = inner.list(ListState::Parked, None, usize::MAX).await?;
        let meant = parked.into_iter().filter(|row| rows.contains(&row.id));
        let meant = meant.map(|row| (row.id, row.attempts));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(meant);
        inner.requeue(rows, now).await
    }

    fn list(&self, mut rows: Vec<Row>) -> Vec<Row> {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &mut rows {
            row.attempts += attempts.get(&row.id).copied().unwrap_or_default();
        }
        rows
    }
}

/// The old row is dropped, and the new one goes to the end of its own lane.
#[derive(Debug, Default)]
pub(super) struct ReplacedAtEnd;

#[async_trait]
impl Fault for ReplacedAtEnd {
    async fn replace(
        &self,
        inner: &dyn Store,
        row: RowId,
        with: NewRow,
    ) -> Result<bool, StoreError> {
        let taken = inner.rows(std::slice::from_ref(&with.key)).await?;
        if taken.iter().any(Option::is_some) || inner.discard(&[row]).await? == 0 {
            return Ok(false);
        }
        let mut batch = Batch::new(Account::new("@bot:example.org"), with.created);
        batch.rows.push(with);
        Ok(inner.commit(batch).await? == CommitOutcome::Applied)
    }
}

/// A key that is taken is made another one.
#[derive(Debug, Default)]
pub(super) struct ReplacedUnderAnyKey;

#[async_trait]
impl Fault for ReplacedUnderAnyKey {
    async fn replace(
        &self,
        inner: &dyn Store,
        row: RowId,
        mut with: NewRow,
    ) -> Result<bool, StoreError> {
        let taken = inner.rows(std::slice::from_ref(&with.key)).await?;
        if taken.iter().any(Option::is_some) {
            with.key = RowKey::new(format!("{} again", with.key));
        }
        inner.replace(row, with).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ParkedRowsKept;

#[async_trait]
impl Fault for ParkedRowsKept {
    async fn prune(
        &self,
        inner: &dyn Store,
        mut limits: PruneLimits,
    ) -> Result<Pruned, StoreError> {
        limits.parked_rows_max = u64::MAX;
        inner.prune(limits).await
    }
}

/// Rows that block their lane go like others.
#[derive(Debug, Default)]
pub(super) struct BlockingPruned;

#[async_trait]
impl Fault for BlockingPruned {
    async fn prune(&self, inner: &dyn Store, limits: PruneLimits) -> Result<Pruned, StoreError> {
        let mut pruned = inner.prune(limits).await?;
        let parked = inner.list(ListState::Parked, None, usize::MAX).await?;
        let max = usize::try_from(limits.parked_rows_max).unwrap_or(usize::MAX);
        let excess = parked.len().saturating_sub(max);
        let ids: Vec<RowId> = parked.iter().take(excess).map(|row| row.id).collect();
        pruned.parked_rows += inner.discard(&ids).await?;
        Ok(pruned)
    }
}
