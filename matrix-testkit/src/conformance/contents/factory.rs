//! How the cases of copying get their stores.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Store};

use crate::conformance::{InMemory, StoreFactory};

/// Opens stores for being copied too. A new factory is made for each case.
#[async_trait]
pub trait CopyFactory: StoreFactory {
    /// Opens the store of that name for nothing but being copied or filled; it is empty
    /// when it is opened for the first time, and may be unfinished.
    ///
    /// The suite has closed and dropped it before, and drops this before it is opened in
    /// another way.
    async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents>;

    /// Opens the store of that name, which is unfinished, as an engine would; `None` where
    /// that is refused already.
    async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>>;
}

#[async_trait]
impl CopyFactory for InMemory {
    async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents> {
        Arc::new(self.reopened(name))
    }

    async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.reopened(name)))
    }
}
