//! Faults of single promises that are easily overlooked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_core::{
    Account, Action, Batch, CommitOutcome, EndpointClass, LeaseName, LeaseOutcome, LeaseRequest,
    ListState, ParkedRows, PruneLimits, Pruned, Row, RowId, Settled, Settlement, Stale, Store,
    StoreError, Verdict, ruma::OwnedEventId,
};

use super::fault::Fault;

/// What is about a row becomes a message about nothing.
#[derive(Debug, Default)]
pub(super) struct TargetsForgotten;

#[async_trait]
impl Fault for TargetsForgotten {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            if let Action::Relate {
                event_type,
                content,
                ..
            } = row.body.action.clone()
            {
                row.body.action = Action::Message {
                    event_type,
                    content,
                };
            }
        }
        inner.commit(batch).await
    }
}

/// Classes that are rare are kept as another one.
#[derive(Debug, Default)]
pub(super) struct ClassesFolded;

#[async_trait]
impl Fault for ClassesFolded {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            if row.class == EndpointClass::Login {
                row.class = EndpointClass::Read;
            }
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct AgeOfCauseForgotten;

#[async_trait]
impl Fault for AgeOfCauseForgotten {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            row.body.caused_at = None;
        }
        inner.commit(batch).await
    }
}

/// Ids are counted off as rows are listed.
#[derive(Debug, Default)]
pub(super) struct RowsRenumbered;

impl Fault for RowsRenumbered {
    fn list(&self, mut rows: Vec<Row>) -> Vec<Row> {
        for (n, row) in (1..).zip(&mut rows) {
            row.id = RowId(n);
        }
        rows
    }
}

/// Sources are kept by account.
#[derive(Debug, Default)]
pub(super) struct SourcesByAccount(Mutex<Option<Account>>);

#[async_trait]
impl Fault for SourcesByAccount {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let first = {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| batch.account.clone()).clone()
        };
        if batch.account != first {
            batch.advance = None;
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ParkedCheckedFirst;

#[async_trait]
impl Fault for ParkedCheckedFirst {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let parked = inner
            .parked_events(&batch.account, None, usize::MAX)
            .await?;
        let is_there = |id| parked.iter().any(|event| event.id == id);
        match batch.parked_done.iter().find(|id| !is_there(**id)) {
            Some(gone) => Ok(CommitOutcome::Stale(Stale::Parked(*gone))),
            None => inner.commit(batch).await,
        }
    }
}

/// Entries that are not there are not put off, and nobody is told.
#[derive(Debug, Default)]
pub(super) struct NoRetryFence;

#[async_trait]
impl Fault for NoRetryFence {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        loop {
            let outcome = inner.commit(batch.clone()).await?;
            let CommitOutcome::Stale(Stale::Inbox(missing)) = outcome else {
                return Ok(outcome);
            };
            let before = batch.inbox_retry.len();
            batch.inbox_retry.retain(|retry| retry.id != missing);
            if batch.inbox_retry.len() == before {
                return Ok(outcome);
            }
        }
    }
}

/// Every last event of a room gets a mark.
#[derive(Debug, Default)]
pub(super) struct LastEventsMarked;

#[async_trait]
impl Fault for LastEventsMarked {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let last = batch
            .facts
            .iter()
            .filter_map(|facts| facts.last_seen.as_ref());
        let last: Vec<_> = last.map(|last| last.event_id.clone()).collect();
        batch.marks.extend(last);
        inner.commit(batch).await
    }
}

/// A row that makes no event is linked to one all the same.
#[derive(Debug, Default)]
pub(super) struct EventsMadeUp;

#[async_trait]
impl Fault for EventsMadeUp {
    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        let rows = inner.list(ListState::Waiting, None, usize::MAX).await?;
        let linked = rows.iter().filter(|row| row.body.link.is_some());
        let linked: BTreeSet<RowId> = linked.map(|row| row.id).collect();
        for settlement in &mut settlements {
            if settlement.verdict == Verdict::Sent(None) && linked.contains(&settlement.row) {
                let event = OwnedEventId::try_from(format!("$row-{}", settlement.row.0)).ok();
                settlement.verdict = Verdict::Sent(event);
            }
        }
        inner.settle(settlements).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ReasonsReversed;

impl Fault for ReasonsReversed {
    fn parked(&self, mut parked: Vec<ParkedRows>) -> Vec<ParkedRows> {
        parked.reverse();
        parked
    }
}

/// A lease never gets shorter.
#[derive(Debug, Default)]
pub(super) struct LeasesOnlyGrow(Mutex<BTreeMap<LeaseName, Duration>>);

#[async_trait]
impl Fault for LeasesOnlyGrow {
    async fn lease(
        &self,
        inner: &dyn Store,
        mut request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let longest = known.entry(request.name.clone()).or_default();
            *longest = request.ttl.max(*longest);
            request.ttl = *longest;
        }
        inner.lease(request).await
    }
}

/// Each account may have as many as the store.
#[derive(Debug, Default)]
pub(super) struct LimitsByAccount(Mutex<BTreeSet<Account>>);

#[async_trait]
impl Fault for LimitsByAccount {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(batch.account.clone());
        inner.commit(batch).await
    }

    async fn prune(
        &self,
        inner: &dyn Store,
        mut limits: PruneLimits,
    ) -> Result<Pruned, StoreError> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        limits.parked_events_max = limits.parked_events_max.saturating_mul(accounts.max(1));
        inner.prune(limits).await
    }
}

/// Each call forgets some kinds of things only, and says that this was all.
#[derive(Debug, Default)]
pub(super) struct PrunedInSilence(Mutex<bool>);

#[async_trait]
impl Fault for PrunedInSilence {
    async fn prune(
        &self,
        inner: &dyn Store,
        mut limits: PruneLimits,
    ) -> Result<Pruned, StoreError> {
        let is_even = {
            let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *calls = !*calls;
            *calls
        };
        if is_even {
            limits.parked_rows_max = u64::MAX;
        } else {
            limits.records_max = u64::MAX;
        }
        inner.prune(limits).await
    }
}
