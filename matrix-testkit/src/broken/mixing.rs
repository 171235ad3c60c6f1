//! Faults that take things for one that are two.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use matrix_bridge_core::{
    Account, Advance, Batch, CommitOutcome, LeaseName, LeaseOutcome, LeaseRequest, PruneLimits,
    Pruned, RowId, SourceId, Store, StoreError, Timestamp, ruma::OwnedEventId,
};

use super::fault::Fault;

const ACCOUNTS: [&str; 2] = ["@bot:example.org", "@other:example.org"];

/// What one account learns of rooms all know.
#[derive(Debug, Default)]
pub(super) struct FactsForAll;

#[async_trait]
impl Fault for FactsForAll {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let (facts, now) = (batch.facts.clone(), batch.now);
        let outcome = inner.commit(batch).await?;
        if outcome == CommitOutcome::Applied {
            for account in ACCOUNTS {
                let facts = facts.clone();
                let again = Batch::new(Account::new(account), now);
                let _never_stale = inner.commit(Batch { facts, ..again }).await?;
            }
        }
        Ok(outcome)
    }
}

/// What one account receives all handle.
#[derive(Debug, Default)]
pub(super) struct InboxForAll;

#[async_trait]
impl Fault for InboxForAll {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let is_plain = batch.inbox_done.is_empty() && batch.fills.is_empty();
        if is_plain && !batch.inbox.is_empty() {
            batch.account = Account::new(ACCOUNTS[0]);
        }
        inner.commit(batch).await
    }
}

/// Every commit moves the source.
#[derive(Debug, Default)]
pub(super) struct EveryCommitMoves;

#[async_trait]
impl Fault for EveryCommitMoves {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        if batch.advance.is_none() {
            let source = SourceId::new("sync");
            let now = inner.checkpoint(&source).await?;
            batch.advance = Some(Advance {
                source,
                expected: now.generation,
                position: now.position,
            });
        }
        inner.commit(batch).await
    }
}

/// All sources are one.
#[derive(Debug, Default)]
pub(super) struct OneSource;

#[async_trait]
impl Fault for OneSource {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        if let Some(advance) = &mut batch.advance {
            advance.source = SourceId::new("sync");
        }
        inner.commit(batch).await
    }
}

/// All leases are one.
#[derive(Debug, Default)]
pub(super) struct OneLease;

#[async_trait]
impl Fault for OneLease {
    async fn lease(
        &self,
        inner: &dyn Store,
        mut request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        request.name = LeaseName::new("ingest");
        inner.lease(request).await
    }
}

/// Rows in any state count as requeued.
#[derive(Debug, Default)]
pub(super) struct AllRequeued;

#[async_trait]
impl Fault for AllRequeued {
    async fn requeue(
        &self,
        inner: &dyn Store,
        rows: &[RowId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        inner.requeue(rows, now).await?;
        Ok(rows.len() as u64)
    }
}

/// Records are pruned whatever the limits.
#[derive(Debug, Default)]
pub(super) struct LimitsIgnored;

#[async_trait]
impl Fault for LimitsIgnored {
    async fn prune(
        &self,
        inner: &dyn Store,
        mut limits: PruneLimits,
    ) -> Result<Pruned, StoreError> {
        limits.records_max = 0;
        inner.prune(limits).await
    }
}

/// A mark that is set again is as young as a new one.
#[derive(Debug, Default)]
pub(super) struct MarksGetYounger(Mutex<BTreeMap<(Account, OwnedEventId), Timestamp>>);

#[async_trait]
impl Fault for MarksGetYounger {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let marks = batch.marks.iter().cloned();
        let marks: Vec<_> = marks.map(|mark| (batch.account.clone(), mark)).collect();
        let now = batch.now;
        let outcome = inner.commit(batch).await?;
        if outcome == CommitOutcome::Applied {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(marks.into_iter().map(|mark| (mark, now)));
        }
        Ok(outcome)
    }

    async fn prune(&self, inner: &dyn Store, limits: PruneLimits) -> Result<Pruned, StoreError> {
        let pruned = inner.prune(limits).await?;
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for ((account, mark), at) in known {
            if at >= limits.marks_before && limits.marks_max == u64::MAX {
                let mut again = Batch::new(account, at);
                again.marks.push(mark);
                let _never_stale = inner.commit(again).await?;
            }
        }
        Ok(pruned)
    }
}
