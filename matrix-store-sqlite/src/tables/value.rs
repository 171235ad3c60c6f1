//! Values of handlers and adapters.

use bytes::Bytes;
use matrix_bridge_core::{Record, ValueChange, ValueKey};
use rusqlite::{Connection, params};

use crate::{
    contents::{Part, Records},
    fault::Fault,
    fields::{Fields, limit},
};

const GET: &str = "SELECT key, value FROM value WHERE namespace = ?1 AND key = ?2";
const SET: &str = "\
    INSERT INTO value (namespace, key, value) VALUES (?1, ?2, ?3) \
    ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value";
pub(crate) const PAGE: &str = "\
    SELECT key, namespace, value FROM value \
    WHERE (namespace, key) >= (?1, ?2) ORDER BY namespace, key LIMIT ?3 OFFSET ?4";
const REMOVE: &str = "DELETE FROM value WHERE namespace = ?1 AND key = ?2";

pub(crate) fn change(connection: &Connection, change: &ValueChange) -> Result<(), Fault> {
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

pub(crate) fn page(connection: &Connection, place: &str, most: usize) -> Result<Records, Fault> {
    let mut part = Part::<(String, String)>::behind(place)?;
    let mut statement = connection.prepare_cached(PAGE)?;
    let (namespace, key) = &part.key;
    let mut rows = statement.query(params![namespace, key, limit(most), part.is_behind])?;
    while let Some(row) = rows.next()? {
        let fields = Fields::new(row, "value");
        let at: (String, String) = (fields.get("namespace")?, fields.get("key")?);
        let key = ValueKey::new(at.0.as_str(), at.1.as_str());
        let value = Bytes::from(fields.get::<Vec<u8>>("value")?);
        part.push(at, Record::Value { key, value });
    }
    part.end()
}
