//! Faults of the sending side.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_core::{
    Claim, ClaimRequest, ClaimToken, RowId, Settled, Settlement, Store, StoreError, Verdict,
};

use super::fault::Fault;

/// A claim runs out as soon as it is made.
#[derive(Debug, Default)]
pub(super) struct ClaimsOverlap;

#[async_trait]
impl Fault for ClaimsOverlap {
    async fn claim(
        &self,
        inner: &dyn Store,
        mut request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        request.ttl = Duration::ZERO;
        inner.claim(request).await
    }
}

/// Only the first lane is ever looked at.
#[derive(Debug, Default)]
pub(super) struct OneLane;

#[async_trait]
impl Fault for OneLane {
    async fn claim(
        &self,
        inner: &dyn Store,
        mut request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        request.lanes = request.lanes.min(1);
        inner.claim(request).await
    }
}

#[derive(Debug, Default)]
pub(super) struct PauseIgnored;

#[async_trait]
impl Fault for PauseIgnored {
    async fn claim(
        &self,
        inner: &dyn Store,
        mut request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        request.paused.clear();
        inner.claim(request).await
    }
}

#[derive(Debug, Default)]
pub(super) struct FirstAttemptUntold;

#[async_trait]
impl Fault for FirstAttemptUntold {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut claims = inner.claim(request).await?;
        for row in claims.iter_mut().flat_map(|claim| &mut claim.rows) {
            row.first_attempt = None;
        }
        Ok(claims)
    }
}

/// Remembers the newest token of each row, and settles under that.
#[derive(Debug, Default)]
pub(super) struct TokenIgnored(Mutex<BTreeMap<RowId, ClaimToken>>);

#[async_trait]
impl Fault for TokenIgnored {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let claims = inner.claim(request).await?;
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for claim in &claims {
            tokens.extend(claim.rows.iter().map(|row| (row.id, claim.token)));
        }
        Ok(claims)
    }

    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        for settlement in &mut settlements {
            let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = tokens.get(&settlement.row).copied();
            settlement.token = newest.unwrap_or(settlement.token);
        }
        inner.settle(settlements).await
    }
}

#[derive(Debug, Default)]
pub(super) struct LostUntold;

#[async_trait]
impl Fault for LostUntold {
    async fn settle(
        &self,
        inner: &dyn Store,
        settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        inner.settle(settlements).await?;
        Ok(Settled::default())
    }
}

#[derive(Debug, Default)]
pub(super) struct RetryAtOnce;

#[async_trait]
impl Fault for RetryAtOnce {
    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        for settlement in &mut settlements {
            if let Verdict::Retry { due, .. } = &mut settlement.verdict {
                *due = settlement.at;
            }
        }
        inner.settle(settlements).await
    }
}

#[derive(Debug, Default)]
pub(super) struct RetryCounted;

#[async_trait]
impl Fault for RetryCounted {
    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        for settlement in &mut settlements {
            if let Verdict::Retry { counted, .. } = &mut settlement.verdict {
                *counted = true;
            }
        }
        inner.settle(settlements).await
    }
}

#[derive(Debug, Default)]
pub(super) struct ReleaseRetries;

#[async_trait]
impl Fault for ReleaseRetries {
    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        for settlement in &mut settlements {
            if settlement.verdict == Verdict::Release {
                let (due, counted) = (settlement.at, false);
                settlement.verdict = Verdict::Retry { due, counted };
            }
        }
        inner.settle(settlements).await
    }
}

#[derive(Debug, Default)]
pub(super) struct AmendForgotten;

#[async_trait]
impl Fault for AmendForgotten {
    async fn settle(
        &self,
        inner: &dyn Store,
        mut settlements: Vec<Settlement>,
    ) -> Result<Settled, StoreError> {
        settlements.retain(|settlement| !matches!(settlement.verdict, Verdict::Amend(_)));
        inner.settle(settlements).await
    }
}
