//! Values of handlers and adapters.

use bytes::Bytes;
use matrix_bridge_core::{ValueChange, ValueKey};

use crate::{
    fault::{Fault, Reason},
    tree::{Key, Table, View, corrupt, digest_of_pair},
};

pub(crate) fn change(view: &mut View, change: ValueChange) -> Result<(), Fault> {
    let ValueChange { key, value } = change;
    let at = place(&key);
    match value {
        Some(value) => view.put_record(&at, &encode(&key, &value)?),
        None => view.remove_record(&at),
    }
}

pub(crate) fn get(view: &View, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, Fault> {
    let value = |key| {
        let at = place(key);
        let record = view.record(&at)?;
        record.map(|record| Ok(decode(&at, &record)?.1)).transpose()
    };
    keys.iter().map(value).collect()
}

fn place(key: &ValueKey) -> Key {
    let ValueKey { namespace, key } = key;
    Key::of(Table::Value).digest(&digest_of_pair(namespace, key))
}

/// The length of the names, the names, and the value as it is.
fn encode(key: &ValueKey, value: &[u8]) -> Result<Vec<u8>, Fault> {
    let ValueKey { namespace, key } = key;
    let names =
        serde_json::to_vec(&(namespace, key)).map_err(|error| Fault::Invalid(error.into()))?;
    let length = (names.len() as u64).to_be_bytes();
    Ok([&length[..], &names, value].concat())
}

/// The value in the record under `at`, and whose it is.
pub(crate) fn decode(at: &Key, record: &[u8]) -> Result<(ValueKey, Bytes), Fault> {
    let split = record.split_first_chunk().and_then(|(length, rest)| {
        rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
    });
    let Some((names, value)) = split else {
        return Err(corrupt(at.as_bytes(), Reason("it is too short")));
    };
    let (namespace, key): (String, String) =
        serde_json::from_slice(names).map_err(|error| corrupt(at.as_bytes(), error))?;
    Ok((ValueKey { namespace, key }, Bytes::copy_from_slice(value)))
}
