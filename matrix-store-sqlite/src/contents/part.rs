//! Some records of one table, read by their keys.

use matrix_bridge_core::Record;
use serde::{Serialize, de::DeserializeOwned};

use crate::{fault::Fault, json};

/// Records, and the place behind the last one.
pub(crate) struct Records {
    pub(crate) records: Vec<Record>,
    pub(crate) place: String,
}

/// Records of a table in the order of their keys, while they are being read.
pub(crate) struct Part<K> {
    /// The key of the last record; where none was read, one that comes before all.
    pub(crate) key: K,
    /// Whether there was a record with that key before: it is not read again.
    pub(crate) is_behind: bool,
    records: Vec<Record>,
}

impl<K: Default + Serialize + DeserializeOwned> Part<K> {
    /// Those behind `place`.
    pub(crate) fn behind(place: &str) -> Result<Self, Fault> {
        let key = match place {
            "" => K::default(),
            place => {
                json::decode(place.as_bytes()).map_err(|error| Fault::Invalid(error.into()))?
            }
        };
        Ok(Self {
            key,
            is_behind: !place.is_empty(),
            records: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, key: K, record: Record) {
        self.key = key;
        self.records.push(record);
    }

    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn end(self) -> Result<Records, Fault> {
        let place = serde_json::to_string(&self.key);
        Ok(Records {
            records: self.records,
            place: place.map_err(|error| Fault::Invalid(error.into()))?,
        })
    }
}
