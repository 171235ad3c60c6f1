//! Everything that is in the store, for moving it into another.

mod read;
mod write;

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Page, Place, Record, StoreError};

use crate::{SledStore, fault::Fault, open::meta, tree::View};

/// It works on stores that were [opened for it](crate::SledConfig::open_for_copy), and on
/// one that is open for an engine as long as no engine runs.
#[async_trait]
impl Contents for SledStore {
    async fn size(&self) -> Result<u64, StoreError> {
        self.ask("counting records", read::size).await
    }

    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError> {
        self.ask("reading records", move |view| {
            read::page(view, &place, limit)
        })
        .await
    }

    async fn begin(&self) -> Result<(), StoreError> {
        let doing = "making ready for a copy";
        self.hand_in(doing, write::begin).await?;
        self.shared().is_unfinished.store(true, Ordering::SeqCst);
        // In steps: no batch has to hold everything.
        while self.hand_in(doing, write::clear_some).await? {}
        Ok(())
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.hand_in("writing records", move |view| write::all(view, records))
            .await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.hand_in("ending a copy", |view: &mut View| {
            meta::set_unfinished(view, false);
            Ok::<(), Fault>(())
        })
        .await?;
        self.shared().is_unfinished.store(false, Ordering::SeqCst);
        Ok(())
    }
}
