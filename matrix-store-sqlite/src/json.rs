//! JSON as bytes in a column.

use matrix_bridge_core::RawJson;
use serde::{Serialize, de::DeserializeOwned};

use crate::fault::Fault;

/// An event as it came.
pub(crate) fn raw(bytes: Vec<u8>) -> Result<RawJson, Box<dyn std::error::Error + Send + Sync>> {
    Ok(RawJson::new(String::from_utf8(bytes)?)?)
}

/// A value of ours that is kept as one.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes)
}

/// The column of a value of ours that is kept as one.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Invalid(error.into()))
}
