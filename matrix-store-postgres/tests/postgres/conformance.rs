//! The suites that every store passes, that many processes can share and copy.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Store};
use matrix_bridge_store_postgres::OpenError;
use matrix_bridge_testkit::{
    conformance::{StoreFactory, contents::CopyFactory},
    copy_conformance, store_conformance,
};

use crate::place::Place;

#[async_trait]
impl StoreFactory for Place {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        Arc::new(Self::open(self, name).await)
    }

    async fn open_beside(&self, name: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::new(Self::open(self, name).await))
    }
}

#[async_trait]
impl CopyFactory for Place {
    async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents> {
        let store = self.config(name).open_for_copy().await;
        Arc::new(store.expect("nobody works on it"))
    }

    async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>> {
        let refused = self.config(name).open().await;
        let refused = refused.expect_err("it is unfinished");
        assert!(
            matches!(refused, OpenError::UnfinishedCopy { .. }),
            "{refused:?}"
        );
        None
    }
}

store_conformance!(Place::new());
copy_conformance!(Place::new());
