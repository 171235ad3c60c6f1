//! What a call sees and changes.

use std::ops::Bound;

use serde::{Serialize, de::DeserializeOwned};
use sled::{Batch, IVec, Tree};

use super::{
    changes::{Change, Changes},
    key::{Key, shown},
    pieces,
    scan::{Merged, Pair, bounds, bounds_before},
};
use crate::fault::{Fault, Reason};

/// The tree, and over it what the calls of a group have changed so far.
///
/// Short values of a fixed form are [`set`](Self::set) and [`get`](Self::get) as they
/// are. What may be long is a *record*: it is [`put`](Self::put) and [`read`](Self::read).
pub(crate) struct View {
    tree: Tree,
    changes: Changes,
    /// How many keys were read.
    #[cfg(test)]
    reads: std::cell::Cell<u64>,
}

impl View {
    /// The tree as it is.
    pub(crate) fn of(tree: &Tree) -> Self {
        Self {
            tree: tree.clone(),
            changes: Changes::default(),
            #[cfg(test)]
            reads: std::cell::Cell::new(0),
        }
    }

    #[cfg(test)]
    pub(crate) fn reads(&self) -> u64 {
        self.reads.get()
    }

    fn note_read(&self) {
        #[cfg(test)]
        self.reads.set(self.reads.get() + 1);
    }

    /// Begins the work of one call: [`undo`](Self::undo) goes back to here.
    pub(crate) fn begin(&mut self) {
        self.changes.begin();
    }

    /// Takes back what the present call has changed.
    pub(crate) fn undo(&mut self) {
        self.changes.undo();
    }

    /// All changes at once; `None` where there are none.
    pub(crate) fn into_batch(self) -> Option<Batch> {
        let is_changed = !self.changes.by_key().is_empty();
        is_changed.then(|| self.changes.into_batch())
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<IVec>, Fault> {
        self.note_read();
        match self.changes.get(key.as_bytes()) {
            Some(change) => Ok(change.clone()),
            None => Ok(self.tree.get(key.as_bytes())?),
        }
    }

    pub(crate) fn has(&self, key: &Key) -> Result<bool, Fault> {
        Ok(self.get(key)?.is_some())
    }

    pub(crate) fn set(&mut self, key: Key, value: impl Into<IVec>) {
        self.change(key, Some(value.into()));
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.change(key, None);
    }

    fn change(&mut self, key: Key, change: Change) {
        self.changes.set(key.into_bytes(), change);
    }

    /// A number; 0 where there is none.
    pub(crate) fn number(&self, key: &Key) -> Result<u64, Fault> {
        match self.get(key)? {
            Some(value) => number(key.as_bytes(), &value),
            None => Ok(0),
        }
    }

    pub(crate) fn set_number(&mut self, key: Key, number: u64) {
        self.set(key, &number.to_be_bytes());
    }

    /// All keys that begin with `prefix`, after the one that goes on with `after`.
    pub(crate) fn scan(
        &self,
        prefix: &Key,
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<Pair, Fault>> + use<'_> {
        let range = bounds(prefix.as_bytes(), after);
        let changed = self.changes.by_key().range::<Vec<u8>, _>(range.clone());
        let all = Merged::new(self.tree.range(range), changed, true);
        all.inspect(|_read| self.note_read())
    }

    /// The same from the end, before the one that goes on with `before`.
    pub(crate) fn scan_back(
        &self,
        prefix: &Key,
        before: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<Pair, Fault>> + use<'_> {
        let range: (Bound<Vec<u8>>, _) = bounds_before(prefix.as_bytes(), before);
        let changed = self.changes.by_key().range::<Vec<u8>, _>(range.clone());
        let all = Merged::new(self.tree.range(range).rev(), changed.rev(), false);
        all.inspect(|_read| self.note_read())
    }

    /// The first of the keys that begin with `prefix`.
    pub(crate) fn first(&self, prefix: &Key) -> Result<Option<Pair>, Fault> {
        self.scan(prefix, None).next().transpose()
    }

    /// A record, whatever its length.
    pub(crate) fn record(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        match self.get(key)? {
            Some(head) => pieces::join(self, key, &head).map(Some),
            None => Ok(None),
        }
    }

    /// Writes a record, in place of the former one.
    pub(crate) fn put_record(&mut self, key: &Key, record: &[u8]) -> Result<(), Fault> {
        self.remove_record(key)?;
        pieces::split(self, key, record);
        Ok(())
    }

    pub(crate) fn remove_record(&mut self, key: &Key) -> Result<(), Fault> {
        if let Some(head) = self.get(key)? {
            pieces::remove(self, key, &head)?;
            self.remove(key.clone());
        }
        Ok(())
    }

    /// A record of ours that is kept as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Fault> {
        let Some(record) = self.record(key)? else {
            return Ok(None);
        };
        serde_json::from_slice(&record)
            .map(Some)
            .map_err(|error| corrupt(key.as_bytes(), error))
    }

    /// The same, where another record says that it is there.
    pub(crate) fn read_known<T: DeserializeOwned>(&self, key: &Key) -> Result<T, Fault> {
        self.read(key)?
            .ok_or_else(|| corrupt(key.as_bytes(), Reason("it is missing")))
    }

    pub(crate) fn put(&mut self, key: &Key, value: &impl Serialize) -> Result<(), Fault> {
        let record = serde_json::to_vec(value).map_err(|error| Fault::Invalid(error.into()))?;
        self.put_record(key, &record)
    }
}

/// What is wrong with the value under a key.
pub(crate) fn corrupt(
    key: &[u8],
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Fault {
    Fault::Corrupt {
        place: format!("reading {}", shown(key)),
        source: source.into(),
    }
}

/// The number that is the value under `key`.
pub(crate) fn number(key: &[u8], value: &[u8]) -> Result<u64, Fault> {
    value
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|error: std::array::TryFromSliceError| corrupt(key, error))
}

/// The number that a key ends with.
pub(crate) fn last_number(key: &[u8]) -> Result<u64, Fault> {
    match key.last_chunk() {
        Some(number) => Ok(u64::from_be_bytes(*number)),
        None => Err(corrupt(key, Reason("the key is too short"))),
    }
}
