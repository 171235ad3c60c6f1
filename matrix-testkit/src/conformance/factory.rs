//! How the suite gets its stores.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use matrix_bridge_core::{MemoryStore, Store};

/// Opens stores for the suite. A new factory is made for each case.
#[async_trait]
pub trait StoreFactory: fmt::Debug + Send + Sync + 'static {
    /// Opens the store of that name; it is empty when it is opened for the first time.
    ///
    /// Opened again under the same name it holds what was in it, as after a restart of
    /// the process: the suite closes and drops a store before. Names are short and of
    /// letters, digits and `-`; they fit a file name or the name of a schema.
    async fn open(&self, name: &str) -> Arc<dyn Store>;

    /// Opens the store of that name once more beside one that is open, as another process
    /// would; `None` where only one engine at a time is allowed, and then the cases about
    /// two have nothing to say.
    async fn open_beside(&self, name: &str) -> Option<Arc<dyn Store>> {
        let _one_only = name;
        None
    }
}

/// Opens stores in memory, for tests that need a [`StoreFactory`].
#[derive(Debug, Default)]
pub struct InMemory(Mutex<BTreeMap<String, MemoryStore>>);

#[async_trait]
impl StoreFactory for InMemory {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        Arc::new(self.reopened(name))
    }

    async fn open_beside(&self, name: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.reopened(name)))
    }
}

impl InMemory {
    pub(super) fn reopened(&self, name: &str) -> MemoryStore {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.entry(name.to_owned()).or_default().reopen()
    }
}
