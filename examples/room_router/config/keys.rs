//! Every key, and the variables that stand for it.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{
    error::{ConfigError, Place, shown},
    value::described,
};

/// A key of the file and its variables in the environment.
#[derive(Debug)]
pub(crate) struct Key {
    /// The key, dotted.
    pub(crate) path: &'static str,
    /// The variables, the first one being its name and the others aliases.
    pub(crate) variables: &'static [&'static str],
}

const fn key(path: &'static str, variables: &'static [&'static str]) -> Key {
    Key { path, variables }
}

pub(crate) const ENABLED: Key = key("matrix.enabled", &["MATRIX_ENABLED"]);
pub(crate) const HOMESERVER_URL: Key = key("matrix.homeserver_url", &["MATRIX_HOMESERVER_URL"]);
pub(crate) const USER_ID: Key = key("matrix.user_id", &["MATRIX_USER_ID", "MATRIX_SERVICE_USER"]);
pub(crate) const ACCESS_TOKEN: Key = key("matrix.access_token", &["MATRIX_ACCESS_TOKEN"]);
pub(crate) const ACCESS_TOKEN_FILE: Key =
    key("matrix.access_token_file", &["MATRIX_ACCESS_TOKEN_FILE"]);
pub(crate) const SESSION_FILE: Key = key("matrix.session_file", &["MATRIX_SESSION_FILE"]);
pub(crate) const DEVICE_NAME: Key = key("matrix.device_name", &["MATRIX_DEVICE_NAME"]);
pub(crate) const STATE_STORE: Key = key("matrix.state_store", &["MATRIX_STATE_STORE"]);
pub(crate) const TAKEOVER: Key = key("matrix.takeover", &["MATRIX_TAKEOVER"]);
pub(crate) const MODE: Key = key("matrix.mode", &["MATRIX_MODE"]);
pub(crate) const GRACE: Key = key("matrix.grace", &["MATRIX_GRACE"]);
pub(crate) const ROOMS: Key = key("matrix.rooms", &["MATRIX_ROOMS"]);
pub(crate) const JOIN_POLICY: Key = key("matrix.join.policy", &["MATRIX_JOIN_POLICY"]);
pub(crate) const DEDUPE_TTL: Key = key("matrix.dedupe.ttl", &["MATRIX_DEDUPE_TTL"]);
pub(crate) const DEDUPE_MAX: Key = key("matrix.dedupe.max_events", &["MATRIX_DEDUPE_MAX_EVENTS"]);
pub(crate) const HISTORY: Key = key("matrix.first_sync.history", &["MATRIX_FIRST_SYNC_HISTORY"]);
pub(crate) const LISTEN: Key = key("http.listen", &["MATRIX_HTTP_LISTEN"]);

const ALL: [&Key; 17] = [
    &ENABLED,
    &HOMESERVER_URL,
    &USER_ID,
    &ACCESS_TOKEN,
    &ACCESS_TOKEN_FILE,
    &SESSION_FILE,
    &DEVICE_NAME,
    &STATE_STORE,
    &TAKEOVER,
    &MODE,
    &GRACE,
    &ROOMS,
    &JOIN_POLICY,
    &DEDUPE_TTL,
    &DEDUPE_MAX,
    &HISTORY,
    &LISTEN,
];

/// The names of all variables that are ours.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|key| key.variables.iter().copied())
}

/// Refuses keys that are not ours: a typo would otherwise be a default.
pub(crate) fn check(file: &str, table: &Table) -> Result<(), ConfigError> {
    check_below(file, "", table)
}

fn check_below(file: &str, above: &str, table: &Table) -> Result<(), ConfigError> {
    for (name, value) in table {
        let place = |key: &str| Place::Key {
            file: file.to_owned(),
            key: key.to_owned(),
        };
        let path = format!("{above}{name}");
        if ALL.iter().any(|key| key.path == path) {
            continue;
        }
        let below = format!("{path}.");
        if !ALL.iter().any(|key| key.path.starts_with(&below)) {
            let place = if above.is_empty() {
                Place::File(file.to_owned())
            } else {
                place(above.trim_end_matches('.'))
            };
            let found = format!("the key {}", shown(name));
            let expected = format!("only {}", names(above).join(", "));
            return Err(ConfigError::new(&place, found, expected));
        }
        let Value::Table(table) = value else {
            let expected = format!("a table with {}", names(&below).join(", "));
            return Err(ConfigError::new(&place(&path), described(value), expected));
        };
        check_below(file, &below, table)?;
    }
    Ok(())
}

/// The names that may stand in the table `above`, each once.
fn names(above: &str) -> Vec<&'static str> {
    let names: BTreeSet<_> = ALL
        .iter()
        .filter_map(|key| key.path.strip_prefix(above)?.split('.').next())
        .collect();
    names.into_iter().collect()
}
