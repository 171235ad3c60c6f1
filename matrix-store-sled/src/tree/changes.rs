//! What the calls of one group will change in the tree.

use std::collections::BTreeMap;

use sled::{Batch, IVec};

/// A value, or that there is none any more.
pub(super) type Change = Option<IVec>;

/// Changes that are not in the tree yet. What the present call has changed can be undone.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_key: BTreeMap<Vec<u8>, Change>,
    /// What stood here before each change of the present call, oldest first.
    undo: Vec<(Vec<u8>, Option<Change>)>,
}

impl Changes {
    /// From here on [`undo`](Self::undo) goes back to this.
    pub(super) fn begin(&mut self) {
        self.undo.clear();
    }

    pub(super) fn undo(&mut self) {
        for (key, former) in self.undo.drain(..).rev() {
            match former {
                Some(change) => self.by_key.insert(key, change),
                None => self.by_key.remove(&key),
            };
        }
    }

    pub(super) fn set(&mut self, key: Vec<u8>, change: Change) {
        let former = self.by_key.insert(key.clone(), change);
        self.undo.push((key, former));
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Change> {
        self.by_key.get(key)
    }

    pub(super) const fn by_key(&self) -> &BTreeMap<Vec<u8>, Change> {
        &self.by_key
    }

    pub(super) fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        for (key, change) in self.by_key {
            match change {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}
