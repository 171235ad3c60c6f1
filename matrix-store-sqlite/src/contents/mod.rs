//! The store as one that is copied into another, and as one that is filled.

mod last;
mod part;
mod read;
mod write;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Page, Place, Record, StoreError};

pub(crate) use self::part::{Part, Records};
use crate::SqliteStore;

/// Reading works however the store was opened. For filling it is
/// [opened for copying](crate::SqliteConfig::open_for_copy).
#[async_trait]
impl Contents for SqliteStore {
    async fn size(&self) -> Result<u64, StoreError> {
        self.read_as_anyone("counting records", read::size).await
    }

    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError> {
        self.read_as_anyone("reading records", move |connection| {
            read::page(connection, place, limit)
        })
        .await
    }

    async fn begin(&self) -> Result<(), StoreError> {
        self.write_as_copier("making ready for a copy", |work| {
            write::begin(work.connection)
        })
        .await
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.write_as_copier("writing records", move |work| {
            write::records(work.connection, records)
        })
        .await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.write_as_copier("ending a copy", |work| write::finish(work.connection))
            .await
    }
}
