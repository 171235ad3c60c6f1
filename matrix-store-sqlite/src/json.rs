//! JSON as bytes in a column.

use matrix_bridge_core::{RawJson, RowBody};

use crate::fault::Fault;

/// An event as it came.
pub(crate) fn raw(bytes: Vec<u8>) -> Result<RawJson, Box<dyn std::error::Error + Send + Sync>> {
    Ok(RawJson::new(String::from_utf8(bytes)?)?)
}

/// What a row sends.
pub(crate) fn body(bytes: &[u8]) -> serde_json::Result<RowBody> {
    serde_json::from_slice(bytes)
}

/// The column of what a row sends.
pub(crate) fn encode(body: &RowBody) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(body).map_err(|error| Fault::Invalid(error.into()))
}
