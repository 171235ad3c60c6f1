//! Values of handlers and adapters.

use bytes::Bytes;
use matrix_bridge_core::{ValueChange, ValueKey};
use rusqlite::{Connection, params};

use crate::{fault::Fault, fields::Fields};

const GET: &str = "SELECT key, value FROM value WHERE namespace = ?1 AND key = ?2";
const SET: &str = "\
    INSERT INTO value (namespace, key, value) VALUES (?1, ?2, ?3) \
    ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value";
const REMOVE: &str = "DELETE FROM value WHERE namespace = ?1 AND key = ?2";

pub(super) fn change(connection: &Connection, change: &ValueChange) -> Result<(), Fault> {
    let ValueChange {
        key: ValueKey { namespace, key },
        value,
    } = change;
    match value {
        Some(value) => {
            connection
                .prepare_cached(SET)?
                .execute(params![namespace, key, &value[..]])?
        }
        None => connection
            .prepare_cached(REMOVE)?
            .execute([namespace, key])?,
    };
    Ok(())
}

pub(crate) fn get(connection: &Connection, keys: &[ValueKey]) -> Result<Vec<Option<Bytes>>, Fault> {
    let mut statement = connection.prepare_cached(GET)?;
    let mut values = Vec::with_capacity(keys.len());
    for ValueKey { namespace, key } in keys {
        let mut rows = statement.query([namespace, key])?;
        let value = match rows.next()? {
            Some(row) => Some(Fields::new(row, "value").get::<Vec<u8>>("value")?),
            None => None,
        };
        values.push(value.map(Bytes::from));
    }
    Ok(values)
}
