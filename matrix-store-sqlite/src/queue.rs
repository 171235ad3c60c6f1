//! The sending side of the contract.

use async_trait::async_trait;
use matrix_bridge_core::{
    Claim, ClaimRequest, ListState, OutboundQueue, Outcome, OutcomeCursor, QueueDepth, Row, RowId,
    Settled, Settlement, StoreError, Timestamp,
};

use crate::{
    SqliteStore,
    outbox::{claim, outcome, person, report, settle},
};

#[async_trait]
impl OutboundQueue for SqliteStore {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.write("claiming rows", move |work| {
            claim::claim(work.connection, &request)
        })
        .await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Settled, StoreError> {
        self.write("settling rows", move |work| {
            settle::settle(work.connection, settlements)
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
        self.read("listing rows", move |connection| {
            report::list(connection, state, after, limit)
        })
        .await
    }

    async fn requeue(&self, rows: &[RowId], now: Timestamp) -> Result<u64, StoreError> {
        let rows = rows.to_vec();
        self.write_as_anyone("requeueing rows", move |work| {
            person::requeue(work.connection, &rows, now)
        })
        .await
    }

    async fn discard(&self, rows: &[RowId]) -> Result<u64, StoreError> {
        let rows = rows.to_vec();
        self.write_as_anyone("discarding rows", move |work| {
            person::discard(work.connection, &rows)
        })
        .await
    }

    async fn outcomes(
        &self,
        after: OutcomeCursor,
        limit: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.read("reading outcomes", move |connection| {
            outcome::list(connection, after, limit)
        })
        .await
    }
}
