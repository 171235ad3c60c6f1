//! The sending side of the contract.

use async_trait::async_trait;
use matrix_bridge_core::{
    Claim, ClaimRequest, ListState, NewRow, OutboundQueue, Outcome, OutcomeCursor, ParkedRows,
    QueueDepth, Row, RowId, RowKey, Settled, Settlement, StoreError, Timestamp,
};

use crate::{
    PostgresStore,
    outbox::{claim, outcome, person, report, settle},
    tables::tally,
};

#[async_trait]
impl OutboundQueue for PostgresStore {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        let claimed = self.call("claiming rows", |mut session| async move {
            claim::claim(&mut session, &request, self.worker(), self.clock()).await
        });
        let claimed = claimed.await?;
        self.note_ahead(claimed.ahead);
        Ok(claimed.claims)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        self.call("settling rows", |mut session| async move {
            settle::settle(&mut session, settlements).await
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.call("reading the next due time", |session| {
            claim::next_due(session, self.ahead())
        })
        .await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.call("counting rows", report::depth).await
    }

    async fn list(
        &self,
        state: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.call("listing rows", |session| {
            report::list(session, state, after, limit)
        })
        .await
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError> {
        self.call("reading rows", |session| report::rows(session, keys))
            .await
    }

    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError> {
        self.call("counting parked rows", tally::parked).await
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        let requeued = self
            .call("requeueing rows", |mut session| async move {
                person::requeue(&mut session, rows, now).await
            })
            .await?;
        self.tell().await;
        Ok(requeued)
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        let discarded = self
            .call("discarding rows", |mut session| async move {
                person::discard(&mut session, rows).await
            })
            .await?;
        self.tell().await;
        Ok(discarded)
    }

    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError> {
        let is_replaced = self
            .call("replacing a row", |mut session| async move {
                person::replace(&mut session, row, with).await
            })
            .await?;
        self.tell().await;
        Ok(is_replaced)
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.call("reading outcomes", |session| {
            outcome::list(session, after, limit)
        })
        .await
    }

    async fn changed(&self) {
        self.worker().wake.notified().await;
    }
}
