//! Faults of the taking-in side.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Account, Batch, CommitOutcome, InboxItem, PruneLimits, Pruned, RawJson, Stale, Store,
    StoreError, Timestamp, ValueKey, ruma::OwnedEventId,
};

use super::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct NoGenerationFence;

#[async_trait]
impl Fault for NoGenerationFence {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        if let Some(advance) = &mut batch.advance {
            advance.expected = inner.checkpoint(&advance.source).await?.generation;
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct NoOwnerFence;

#[async_trait]
impl Fault for NoOwnerFence {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.owner = None;
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct NoInboxFence;

#[async_trait]
impl Fault for NoInboxFence {
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
            let filled = batch.fills.iter().any(|fill| fill.gap == missing);
            if filled {
                return Ok(outcome);
            }
            batch.inbox_done.retain(|id| *id != missing);
            batch.inbox_retry.retain(|retry| retry.id != missing);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct NoMarks;

#[async_trait]
impl Fault for NoMarks {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.marks.clear();
        inner.commit(batch).await
    }
}

/// Remembers the accounts, to look for marks in all of them.
#[derive(Debug, Default)]
pub(super) struct SharedMarks(Mutex<BTreeSet<Account>>);

#[async_trait]
impl Fault for SharedMarks {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        lock(&self.0).insert(batch.account.clone());
        inner.commit(batch).await
    }

    async fn seen(
        &self,
        inner: &dyn Store,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let mut seen = inner.seen(account, events).await?;
        let accounts = lock(&self.0).clone();
        for other in accounts {
            let also = inner.seen(&other, events).await?;
            seen.iter_mut().zip(also).for_each(|(a, b)| *a |= b);
        }
        Ok(seen)
    }
}

#[derive(Debug, Default)]
pub(super) struct TornCommit;

#[async_trait]
impl Fault for TornCommit {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let mut effects = Batch::new(batch.account.clone(), batch.now);
        effects.rows = std::mem::take(&mut batch.rows);
        let _never_stale = inner.commit(effects).await?;
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct MergedFacts;

#[async_trait]
impl Fault for MergedFacts {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for facts in &mut batch.facts {
            let former = inner.facts(&batch.account, &[&facts.room]).await?;
            for former in former.into_iter().flatten() {
                facts.successor = facts.successor.take().or(former.successor);
                facts.last_seen = facts.last_seen.take().or(former.last_seen);
            }
        }
        inner.commit(batch).await
    }
}

/// Remembers when marks were set, and what was pruned.
#[derive(Debug, Default)]
pub(super) struct LastSeenPruned {
    marks: Mutex<BTreeMap<OwnedEventId, Timestamp>>,
    before: Mutex<Timestamp>,
}

#[async_trait]
impl Fault for LastSeenPruned {
    async fn commit(&self, inner: &dyn Store, batch: Batch) -> Result<CommitOutcome, StoreError> {
        for mark in &batch.marks {
            lock(&self.marks).insert(mark.clone(), batch.now);
        }
        inner.commit(batch).await
    }

    async fn prune(&self, inner: &dyn Store, limits: PruneLimits) -> Result<Pruned, StoreError> {
        *lock(&self.before) = limits.marks_before;
        inner.prune(limits).await
    }

    async fn seen(
        &self,
        inner: &dyn Store,
        account: &Account,
        events: &[OwnedEventId],
    ) -> Result<Vec<bool>, StoreError> {
        let mut seen = inner.seen(account, events).await?;
        let (marks, before) = (lock(&self.marks), *lock(&self.before));
        for (seen, event) in seen.iter_mut().zip(events) {
            *seen &= marks.get(event).is_none_or(|at| *at >= before);
        }
        Ok(seen)
    }
}

#[derive(Debug, Default)]
pub(super) struct StickyValues;

#[async_trait]
impl Fault for StickyValues {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.values.retain(|change| change.value.is_some());
        inner.commit(batch).await
    }
}

/// Keeps values in the open store alone.
#[derive(Debug, Default)]
pub(super) struct VolatileValues(Mutex<BTreeMap<ValueKey, Option<Bytes>>>);

#[async_trait]
impl Fault for VolatileValues {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        let values = std::mem::take(&mut batch.values);
        let outcome = inner.commit(batch).await?;
        if outcome == CommitOutcome::Applied {
            let values = values.into_iter().map(|change| (change.key, change.value));
            lock(&self.0).extend(values);
        }
        Ok(outcome)
    }

    async fn values(
        &self,
        inner: &dyn Store,
        keys: &[ValueKey],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        // It fails where the store would.
        inner.values(&[]).await?;
        let values = lock(&self.0);
        let values = keys.iter().map(|key| values.get(key).cloned().flatten());
        Ok(values.collect())
    }
}

#[derive(Debug, Default)]
pub(super) struct TextEndsAtNul;

#[async_trait]
impl Fault for TextEndsAtNul {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for change in &mut batch.values {
            change.key = cut_at_nul(&change.key);
        }
        inner.commit(batch).await
    }

    async fn values(
        &self,
        inner: &dyn Store,
        keys: &[ValueKey],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys: Vec<_> = keys.iter().map(cut_at_nul).collect();
        inner.values(&keys).await
    }
}

fn cut_at_nul(key: &ValueKey) -> ValueKey {
    let cut = |text: &str| text.split('\0').next().unwrap_or_default().to_owned();
    ValueKey::new(cut(&key.namespace), cut(&key.key))
}

#[derive(Debug, Default)]
pub(super) struct ReformattedJson;

#[async_trait]
impl Fault for ReformattedJson {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for entry in &mut batch.inbox {
            if let InboxItem::Event { raw, .. } = &mut entry.item {
                let value = raw.decode::<serde_json::Value>();
                let written = value.and_then(|value| RawJson::from_value(&value));
                *raw = written.unwrap_or_else(|_| raw.clone());
            }
        }
        inner.commit(batch).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
