//! A disk that does not take everything for a while.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use matrix_bridge_core::StoreErrorKind;
use matrix_bridge_testkit::crash::{Fate, ScriptedStore, StoreScript};

use crate::world::{Setup, World};

/// The disk; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Option<&'static str>>>);

impl Disk {
    /// A bot with the world's store on this disk.
    pub(crate) fn setup(&self, world: &World) -> Setup {
        let store = ScriptedStore::with_script(world.store.clone(), self.clone());
        Setup {
            store: Some(Arc::new(store)),
            ..Setup::default()
        }
    }

    /// From now on it fails at this.
    pub(crate) fn fail_at(&self, doing: &'static str) {
        *self.0.lock().unwrap() = Some(doing);
    }

    pub(crate) fn recover(&self) {
        *self.0.lock().unwrap() = None;
    }
}

#[async_trait]
impl StoreScript for Disk {
    async fn next(&self, doing: &str) -> Fate {
        match *self.0.lock().unwrap() {
            Some(failing) if failing == doing => Fate::NotDone(StoreErrorKind::Unavailable),
            _ => Fate::Done,
        }
    }
}
