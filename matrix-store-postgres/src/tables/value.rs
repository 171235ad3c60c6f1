//! Values of handlers and adapters.

use std::collections::BTreeMap;

use bytes::Bytes;
use matrix_bridge_core::{ValueChange, ValueKey};

use crate::{
    fault::Fault,
    fields::Fields,
    session::{Session, Tx},
    text::{digest, encode},
};

const GET: &str = "SELECT id, value FROM value WHERE id = ANY ($1)";
const SET: &str = "\
    INSERT INTO value (id, namespace, key, value) \
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bytea[]) \
    ON CONFLICT (id) DO UPDATE SET value = excluded.value";
const REMOVE: &str = "DELETE FROM value WHERE id = ANY ($1)";

/// Where a value is named twice, the last change holds.
pub(crate) async fn change(tx: &Tx<'_>, changes: &[ValueChange]) -> Result<(), Fault> {
    let last: BTreeMap<Vec<u8>, &ValueChange> = changes
        .iter()
        .map(|change| (id(&change.key), change))
        .collect();
    let mut removed = Vec::new();
    let (mut ids, mut namespaces, mut keys, mut values) = (vec![], vec![], vec![], vec![]);
    for (id, change) in last {
        let Some(value) = &change.value else {
            removed.push(id);
            continue;
        };
        ids.push(id);
        namespaces.push(encode(&change.key.namespace).into_owned());
        keys.push(encode(&change.key.key).into_owned());
        values.push(&value[..]);
    }
    if !removed.is_empty() {
        tx.run(REMOVE, &[&removed]).await?;
    }
    if !ids.is_empty() {
        tx.run(SET, &[&ids, &namespaces, &keys, &values]).await?;
    }
    Ok(())
}

pub(crate) async fn get(
    mut session: Session,
    keys: &[ValueKey],
) -> Result<Vec<Option<Bytes>>, Fault> {
    let ids: Vec<_> = keys.iter().map(id).collect();
    let mut found = BTreeMap::new();
    for row in session.rows(GET, &[&ids]).await? {
        let fields = Fields::new(&row, "value");
        let value: Vec<u8> = fields.get("value")?;
        found.insert(fields.get::<Vec<u8>>("id")?, Bytes::from(value));
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

fn id(key: &ValueKey) -> Vec<u8> {
    digest(&[&key.namespace, &key.key])
}
