//! Faults that show where two processes share a store, or many tasks.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, Claim, ClaimRequest, CommitOutcome, Generation, LeaseOutcome, LeaseRequest,
    MemoryStore, Settled, Settlement, SourceId, StateStore as _, Store, StoreError, ValueKey,
    ruma::OwnedEventId,
};

use super::fault::Fault;

/// Each handle compares with the generation that it knows.
#[derive(Debug, Default)]
pub(super) struct GenerationCached(Mutex<BTreeMap<SourceId, Generation>>);

#[async_trait]
impl Fault for GenerationCached {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(advance) = &mut batch.advance else {
            return inner.commit(batch).await;
        };
        let (source, expected) = (advance.source.clone(), advance.expected);
        let now = inner.checkpoint(&source).await?.generation;
        if lock(&self.0).get(&source) == Some(&expected) {
            advance.expected = now;
        }
        let outcome = inner.commit(batch).await?;
        if outcome == CommitOutcome::Applied {
            lock(&self.0).insert(source, Generation(expected.0 + 1));
        }
        Ok(outcome)
    }
}

/// Each handle remembers what it was told of marks, until it commits something itself.
#[derive(Debug, Default)]
pub(super) struct MarksCached(Mutex<BTreeMap<(Account, OwnedEventId), bool>>);

#[async_trait]
impl Fault for MarksCached {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        lock(&self.0).clear();
        inner.commit(batch).await
    }

    async fn seen(
        &self,
        inner: &dyn Store,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let seen = inner.seen(account, events).await?;
        let mut known = lock(&self.0);
        let told = events.iter().zip(seen).map(|(event, seen)| {
            let asked = (account.clone(), event.clone());
            *known.entry(asked).or_insert(seen)
        });
        Ok(told.collect())
    }

    async fn prune(
        &self,
        inner: &dyn Store,
        limits: matrix_bridge_core::PruneLimits,
    ) -> Result<matrix_bridge_core::Pruned, StoreError> {
        lock(&self.0).clear();
        inner.prune(limits).await
    }
}

/// The same of values.
#[derive(Debug, Default)]
pub(super) struct ValuesCached(Mutex<BTreeMap<ValueKey, Option<Bytes>>>);

#[async_trait]
impl Fault for ValuesCached {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        lock(&self.0).clear();
        inner.commit(batch).await
    }

    async fn values(
        &self,
        inner: &dyn Store,
        keys: &[ValueKey],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let values = inner.values(keys).await?;
        let mut known = lock(&self.0);
        let told = keys.iter().zip(values);
        let told = told.map(|(key, value)| known.entry(key.clone()).or_insert(value).clone());
        Ok(told.collect())
    }
}

/// Each handle knows of its own holders only.
#[derive(Debug)]
pub(super) struct LeasesApart(MemoryStore);

impl Default for LeasesApart {
    fn default() -> Self {
        Self(MemoryStore::new())
    }
}

#[async_trait]
impl Fault for LeasesApart {
    async fn lease(
        &self,
        inner: &dyn Store,
        request: LeaseRequest,
    ) -> Result<LeaseOutcome, StoreError> {
        let known = self.0.lease(request.clone()).await?;
        if let LeaseOutcome::Taken { .. } = known {
            return Ok(known);
        }
        match inner.lease(request.clone()).await? {
            LeaseOutcome::Taken { until } => {
                // Another handle's: it is not known here.
                let late = LeaseRequest {
                    now: until,
                    ..request
                };
                inner.lease(late).await
            }
            held @ LeaseOutcome::Held(_) => Ok(held),
        }
    }
}

/// A handle that holds no claim takes those of others for run out.
#[derive(Debug, Default)]
pub(super) struct ClaimsApart(Mutex<u64>);

#[async_trait]
impl Fault for ClaimsApart {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut claims = inner.claim(request.clone()).await?;
        if claims.is_empty() && *lock(&self.0) == 0 {
            let now = request.now + request.ttl;
            claims = inner.claim(ClaimRequest { now, ..request }).await?;
        }
        *lock(&self.0) += claims.len() as u64;
        Ok(claims)
    }
}

/// The rows of a claim are in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct ClaimedByKey;

#[async_trait]
impl Fault for ClaimedByKey {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut claims = inner.claim(request).await?;
        for claim in &mut claims {
            claim.rows.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(claims)
    }
}

/// What is reported is written with what comes next, or never.
#[derive(Debug, Default)]
pub(super) struct LastCommitHeld(Mutex<Option<Batch>>);

#[async_trait]
impl Fault for LastCommitHeld {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        // It fails where the store would.
        inner.depth().await?;
        let held = lock(&self.0).replace(batch);
        match held {
            Some(held) => inner.commit(held).await,
            None => Ok(CommitOutcome::Applied),
        }
    }
}

/// Of settlements that name a row more than once only the last is written.
#[derive(Debug, Default)]
pub(super) struct LastWordCounts;

#[async_trait]
impl Fault for LastWordCounts {
    async fn settle(
        &self,
        inner: &dyn Store,
        settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        let mut last = BTreeMap::new();
        for settlement in settlements {
            last.insert(settlement.row, settlement);
        }
        inner.settle(last.into_values().collect()).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
