//! The configuration of the example `room_router`: variables, one a line, up to an empty
//! line, and then the file.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt as _};

use super::assert_fit_to_tell;
use crate::config::{self, Environment, Loaded};

/// Some of the variables; the others are read by the same functions.
const VARIABLES: [&str; 8] = [
    "MATRIX_ENABLED",
    "MATRIX_HOMESERVER_URL",
    "MATRIX_USER_ID",
    "MATRIX_SERVICE_USER",
    "MATRIX_ROOMS",
    "MATRIX_GRACE",
    "MATRIX_FIRST_SYNC_HISTORY",
    "MATRIX_HTTP_LISTEN",
];

pub(crate) fn run(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("c.toml");
    let (mut environment, file) = read(input);
    environment.insert("MATRIX_ACCESS_TOKEN", OsString::from("token"));
    fs::write(&path, file).expect("a file can be written");
    match config::load(Some(&path), &environment) {
        Ok(Loaded::Enabled(config)) => {
            assert_eq!(config.restart_keys(&config), [""; 0]);
            assert!(!format!("{config:?}").contains("token\""));
        }
        Ok(Loaded::Disabled) => {}
        Err(error) => assert_fit_to_tell(&error.to_string()),
    }
    for needs_user in [false, true] {
        if let Err(error) = config::load_for_report(Some(&path), &environment, needs_user) {
            assert_fit_to_tell(&error.to_string());
        }
    }
}

fn read(input: &[u8]) -> (Environment, &[u8]) {
    let mut environment = Environment::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        let Some((name, value)) = variable(line) else {
            break;
        };
        environment.insert(name, OsString::from_vec(value.to_vec()));
        rest = after.get(1..).unwrap_or_default();
    }
    (environment, rest)
}

fn variable(line: &[u8]) -> Option<(&'static str, &[u8])> {
    VARIABLES.into_iter().find_map(|name| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some((name, value))
    })
}
