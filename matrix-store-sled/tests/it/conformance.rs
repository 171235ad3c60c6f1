//! The suite that every store passes, with the writer's thread and without.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge_core::Store;
use matrix_bridge_store_sled::SledConfig;
use matrix_bridge_testkit::{conformance::StoreFactory, store_conformance};
use tempfile::TempDir;

/// Each name is a folder in one of its own.
#[derive(Debug)]
struct InFolder {
    folder: TempDir,
    is_inline: bool,
}

impl InFolder {
    fn new(is_inline: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, is_inline }
    }
}

#[async_trait]
impl StoreFactory for InFolder {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        let mut config = SledConfig::new(self.folder.path().join(name));
        if self.is_inline {
            config = config.inline();
        }
        Arc::new(config.open_engine().unwrap())
    }
}

mod threaded {
    use super::*;

    store_conformance!(InFolder::new(false));
}

mod inline {
    use super::*;

    store_conformance!(InFolder::new(true));
}
