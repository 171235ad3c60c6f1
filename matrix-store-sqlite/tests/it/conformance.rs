//! The suite that every store passes, with the writer's thread and without.

use std::sync::Arc;

use async_trait::async_trait;
use matrix_bridge_core::{Contents, Store};
use matrix_bridge_store_sqlite::{OpenError, SqliteConfig};
use matrix_bridge_testkit::{
    conformance::{StoreFactory, contents::CopyFactory},
    copy_conformance, store_conformance,
};
use tempfile::TempDir;

/// Each name is a file in a folder of its own.
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

    fn config(&self, name: &str) -> SqliteConfig {
        let config = SqliteConfig::new(self.folder.path().join(name));
        match self.is_inline {
            true => config.inline(),
            false => config,
        }
    }
}

#[async_trait]
impl StoreFactory for InFolder {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        Arc::new(self.config(name).open_engine().unwrap())
    }
}

#[async_trait]
impl CopyFactory for InFolder {
    async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents> {
        Arc::new(self.config(name).open_for_copy().unwrap())
    }

    async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>> {
        let refused = self.config(name).open_engine().unwrap_err();
        assert!(
            matches!(refused, OpenError::UnfinishedCopy { .. }),
            "{refused:?}"
        );
        None
    }
}

mod threaded {
    use super::*;

    store_conformance!(InFolder::new(false));
    copy_conformance!(InFolder::new(false));
}

mod inline {
    use super::*;

    store_conformance!(InFolder::new(true));
    copy_conformance!(InFolder::new(true));
}
