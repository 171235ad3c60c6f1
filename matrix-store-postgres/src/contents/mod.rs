//! All that is in the store, record by record, for moving to another one and from one.

mod read;
mod write;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Page, Place, Record, StoreError};

use crate::PostgresStore;

#[async_trait]
impl Contents for PostgresStore {
    async fn size(&self) -> Result<u64, StoreError> {
        self.call_of_copy("counting records", read::size).await
    }

    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError> {
        self.call_of_copy("reading records", |session| {
            read::page(session, place, limit)
        })
        .await
    }

    async fn begin(&self) -> Result<(), StoreError> {
        self.call_of_copy("making ready for a copy", |session| {
            write::begin(session, self.worker().id())
        })
        .await
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.call_of_copy("writing records", |session| {
            write::records(session, self.worker().id(), records)
        })
        .await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.call_of_copy("ending a copy", |session| {
            write::finish(session, self.worker().id())
        })
        .await
    }
}
