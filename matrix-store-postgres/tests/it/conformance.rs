//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge_core::Store;
use matrix_bridge_testkit::{conformance::StoreFactory, store_conformance};

use crate::place::Place;

#[async_trait]
impl StoreFactory for Place {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        Arc::new(Self::open(self, name).await)
    }
}

store_conformance!(Place::new());
