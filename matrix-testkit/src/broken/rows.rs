//! Faults of enqueueing.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use matrix_bridge_core::{Batch, CommitOutcome, Disposition, RowKey, Store, StoreError, Timestamp};

use super::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct RowsDropped;

#[async_trait]
impl Fault for RowsDropped {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.rows.truncate(2);
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct LaneReversed;

#[async_trait]
impl Fault for LaneReversed {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        batch.rows.reverse();
        inner.commit(batch).await
    }
}

/// Remembers the keys, and renames those that come again.
#[derive(Debug, Default)]
pub(super) struct KeysRepeat(Mutex<BTreeSet<RowKey>>);

#[async_trait]
impl Fault for KeysRepeat {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            while !keys.insert(row.key.clone()) {
                row.key = RowKey::new(format!("{} again", row.key));
            }
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ShadowSent;

#[async_trait]
impl Fault for ShadowSent {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            if row.disposition == Disposition::Shadow {
                row.disposition = Disposition::Send;
            }
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct DueAtOnce;

#[async_trait]
impl Fault for DueAtOnce {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            row.created = Timestamp(1);
        }
        inner.commit(batch).await
    }
}
