//! Faults of lanes: whose turn it is, and which ones wait for a person.

use std::collections::BTreeSet;

use async_trait::async_trait;
use matrix_bridge_core::{
    Batch, Claim, ClaimRequest, CommitOutcome, LaneId, ListState, OrderPolicy, Settlement, Store,
    StoreError, Timestamp, Verdict,
};

use super::fault::Fault;

/// The lanes with the oldest rows come first, whenever they had their turn.
#[derive(Debug, Default)]
pub(super) struct TurnsByAge;

#[async_trait]
impl Fault for TurnsByAge {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let all = ClaimRequest {
            lanes: usize::MAX,
            ..request.clone()
        };
        let mut claims = inner.claim(all).await?;
        claims.sort_by_key(|claim| claim.rows.first().map(|row| row.id));
        let others = claims.split_off(request.lanes.min(claims.len()));
        give_back(inner, &others, Timestamp(0)).await?;
        Ok(claims)
    }
}

/// Newcomers wait like everybody else.
#[derive(Debug, Default)]
pub(super) struct NewcomersWait;

#[async_trait]
impl Fault for NewcomersWait {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let request = ClaimRequest {
            newcomers: 0,
            ..request
        };
        inner.claim(request).await
    }
}

/// Newcomers take all places.
#[derive(Debug, Default)]
pub(super) struct OnlyNewcomers;

#[async_trait]
impl Fault for OnlyNewcomers {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let newcomers = match request.newcomers {
            0 => 0,
            _ => request.lanes,
        };
        inner
            .claim(ClaimRequest {
                newcomers,
                ..request
            })
            .await
    }
}

#[derive(Debug, Default)]
pub(super) struct NothingBlocks;

#[async_trait]
impl Fault for NothingBlocks {
    async fn commit(
        &self,
        inner: &dyn Store,
        mut batch: Batch,
    ) -> Result<CommitOutcome, StoreError> {
        for row in &mut batch.rows {
            row.body.order = OrderPolicy::GoOn;
        }
        inner.commit(batch).await
    }
}

#[derive(Debug, Default)]
pub(super) struct BlocksEveryLane;

#[async_trait]
impl Fault for BlocksEveryLane {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        match blocked(inner).await?.is_empty() {
            true => inner.claim(request).await,
            false => Ok(Vec::new()),
        }
    }
}

/// A blocked lane keeps back also the rows before the one that blocks it.
#[derive(Debug, Default)]
pub(super) struct BlocksWholeLane;

#[async_trait]
impl Fault for BlocksWholeLane {
    async fn claim(
        &self,
        inner: &dyn Store,
        request: ClaimRequest,
    ) -> Result<Vec<Claim>, StoreError> {
        let blocked = blocked(inner).await?;
        let now = request.now;
        let claims = inner.claim(request).await?;
        let is_blocked = |claim: &Claim| blocked.contains(&claim.lane);
        let (blocked, free): (Vec<_>, Vec<_>) = claims.into_iter().partition(is_blocked);
        give_back(inner, &blocked, now).await?;
        Ok(free)
    }
}

/// The lanes with a row that blocks.
async fn blocked(inner: &dyn Store) -> Result<BTreeSet<LaneId>, StoreError> {
    let parked = inner.list(ListState::Parked, None, usize::MAX).await?;
    let blocking = parked.into_iter();
    let blocking = blocking.filter(|row| row.body.order == OrderPolicy::Block);
    Ok(blocking.map(|row| row.lane).collect())
}

async fn give_back(inner: &dyn Store, claims: &[Claim], at: Timestamp) -> Result<(), StoreError> {
    let rows = claims
        .iter()
        .flat_map(|claim| claim.rows.iter().map(|row| (row.id, claim.token)));
    let settlements = rows.map(|(row, token)| Settlement {
        row,
        token,
        verdict: Verdict::Release,
        at,
    });
    inner.settle(settlements.collect()).await?;
    Ok(())
}
