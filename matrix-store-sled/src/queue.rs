//! The sending side of the contract.

use async_trait::async_trait;
use matrix_bridge_core::{
    Claim, ClaimRequest, ListState, NewRow, OutboundQueue, Outcome, OutcomeCursor, ParkedRows,
    QueueDepth, Row, RowId, RowKey, Settled, Settlement, StoreError, Timestamp,
};

use crate::{
    SledStore,
    outbox::{claim, outcome, person, report, settle},
};

#[async_trait]
impl OutboundQueue for SledStore {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.write("claiming rows", move |view| claim::claim(view, &request))
            .await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        self.write("settling rows", move |view| {
            settle::settle(view, settlements)
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read("reading the next due time", claim::next_due)
            .await
    }

    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        self.read("counting rows", report::depth).await
    }

    async fn list(
        &self,
        state: ListState,
        after: Option<RowId>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.read("listing rows", move |view| {
            report::list(view, state, after, limit)
        })
        .await
    }

    async fn rows(&self, keys: &[RowKey]) -> Result<Vec<Option<Row>>, StoreError> {
        let keys = keys.to_vec();
        self.read("reading rows", move |view| report::rows(view, &keys))
            .await
    }

    async fn parked(&self) -> Result<Vec<ParkedRows>, StoreError> {
        self.read("counting parked rows", report::parked).await
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        let rows = rows.to_vec();
        self.write("requeueing rows", move |view| {
            person::requeue(view, &rows, now)
        })
        .await
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        let rows = rows.to_vec();
        self.write("discarding rows", move |view| person::discard(view, &rows))
            .await
    }

    async fn replace(&self, row: RowId, with: NewRow) -> Result<bool, StoreError> {
        self.write("replacing a row", move |view| {
            person::replace(view, row, with)
        })
        .await
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.read("reading outcomes", move |view| {
            outcome::list(view, after, limit)
        })
        .await
    }

    /// There is one engine, and nobody beside it.
    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}
