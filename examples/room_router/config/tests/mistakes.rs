//! Mistakes in the file itself, its keys and its values, each with its whole message.

use super::{Folder, assert_says, required_and, required_without};

const URL: &str = "the homeserver's URL, such as https://matrix.example.org";

#[test]
fn what_is_no_configuration() {
    let folder = Folder::new();
    let table: [(&[u8], &str); 5] = [
        (
            b"[matrix]\nuser_id = @bot",
            "c.toml: found no TOML at line 2, column 11 (string values must be quoted, expected literal string), expected valid TOML",
        ),
        (
            b"[matrix]\naccess_token = syt_secret",
            "c.toml: found no TOML at line 2, column 16 (string values must be quoted, expected literal string), expected valid TOML",
        ),
        (
            b"[matrix]\nmode = \"a\"\nmode = \"b\"",
            "c.toml: found no TOML at line 3, column 1 (duplicate key), expected valid TOML",
        ),
        (
            b"# caf\xe9",
            "c.toml: found a file that is not UTF-8 from byte 5 on, expected a readable TOML file",
        ),
        (
            b"matrix = 1",
            "c.toml: matrix: found the integer 1, expected a table with access_token, \
             access_token_file, dedupe, device_name, enabled, first_sync, grace, homeserver_url, \
             join, mode, rooms, session_file, state_store, takeover, user_id",
        ),
    ];
    for (toml, message) in table {
        assert_says(&folder, toml, message);
    }
}

#[test]
fn a_file_that_is_too_large_or_not_there() {
    let folder = Folder::new();
    let large = "#".repeat(1024 * 1024 + 1);
    let missing = super::load(Some("/nowhere/c.toml".as_ref()), &folder.environment);

    assert_says(
        &folder,
        large,
        "c.toml: found a file that is larger than a MiB, expected a readable TOML file",
    );
    assert_eq!(
        missing.unwrap_err().to_string(),
        "/nowhere/c.toml: found a file that cannot be read (No such file or directory (os error \
         2)), expected a readable TOML file"
    );
}

#[test]
fn keys_that_are_not_ours() {
    let folder = Folder::new();
    let table = [
        (
            "[http]\nport = 1",
            "c.toml: http: found the key \"port\", expected only listen",
        ),
        (
            "[metrics]",
            "c.toml: found the key \"metrics\", expected only http, matrix",
        ),
        (
            "[matrix.join]\nPolicy = \"leave\"",
            "c.toml: matrix.join: found the key \"Policy\", expected only policy",
        ),
        (
            "[[matrix.rooms]]\nid = \"!a:b\"\nname = \"x\"",
            "c.toml: matrix.rooms[1]: found the key \"name\", expected only id, mode",
        ),
        (
            "[matrix]\nenabled = false\nenable = true",
            "c.toml: matrix: found the key \"enable\", expected only access_token, \
             access_token_file, dedupe, device_name, enabled, first_sync, grace, homeserver_url, \
             join, mode, rooms, session_file, state_store, takeover, user_id",
        ),
    ];
    for (toml, message) in table {
        let toml = if toml.contains("rooms") {
            required_and(toml)
        } else {
            toml.to_owned()
        };
        assert_says(&folder, toml, message);
    }
}

#[test]
fn keys_that_are_missing() {
    let folder = Folder::new();
    let table = [
        (
            "homeserver_url",
            format!("{URL}, here or in MATRIX_HOMESERVER_URL"),
        ),
        (
            "user_id",
            "a user id such as @bot:example.org, here or in MATRIX_USER_ID".to_owned(),
        ),
        (
            "access_token",
            "an access token, or its file as access_token_file, here or in MATRIX_ACCESS_TOKEN"
                .to_owned(),
        ),
        (
            "state_store",
            "the path of the store's file, or postgres://user:password@host/database, here or in \
             MATRIX_STATE_STORE"
                .to_owned(),
        ),
    ];
    for (key, expected) in table {
        let message = format!("c.toml: matrix.{key}: found nothing, expected {expected}");
        assert_says(&folder, required_without(key), &message);
    }
    let nothing = super::load(None, &folder.environment).unwrap_err();
    assert_eq!(
        nothing.to_string(),
        format!(
            "environment: MATRIX_HOMESERVER_URL: found nothing, expected {URL}, here or as \
             matrix.homeserver_url in a --config file"
        )
    );
}

#[test]
fn values_that_do_not_fit() {
    let folder = Folder::new();
    let span = "a span such as 30d, 12h, 5m, 90s or 500ms, or a whole number of seconds";
    let table = [
        (
            "enabled = 1",
            "enabled: found the integer 1, expected true or false".to_owned(),
        ),
        (
            "mode = \"on\"",
            "mode: found \"on\", expected \"active\" or \"shadow\"".to_owned(),
        ),
        (
            "grace = 1.5",
            format!("grace: found the float 1.5, expected {span}"),
        ),
        (
            "grace = \"1 hour\"",
            format!("grace: found \"1 hour\", expected {span}"),
        ),
        (
            "takeover = \"500ms\"",
            "takeover: found \"500ms\", expected a span of a second or more".to_owned(),
        ),
        (
            "device_name = []",
            "device_name: found an array, expected a name".to_owned(),
        ),
        (
            "join.policy = \"all\"",
            "join.policy: found \"all\", expected \"allowlist\", \"ignore\" or \"leave\""
                .to_owned(),
        ),
        (
            "dedupe.ttl = -1",
            format!("dedupe.ttl: found the integer -1, expected {span}"),
        ),
        (
            "dedupe.ttl = 0",
            "dedupe.ttl: found the integer 0, expected a span longer than nothing".to_owned(),
        ),
        (
            "dedupe.max_events = 0",
            "dedupe.max_events: found the integer 0, expected a whole number, 1 or larger"
                .to_owned(),
        ),
        (
            "first_sync.history = \"all\"",
            "first_sync.history: found \"all\", expected \"skip\" or a whole number up to 1000"
                .to_owned(),
        ),
        (
            "first_sync.history = 1001",
            "first_sync.history: found the integer 1001, expected \"skip\" or a whole number up \
             to 1000"
                .to_owned(),
        ),
    ];
    for (toml, message) in table {
        assert_says(
            &folder,
            required_and(toml),
            &format!("c.toml: matrix.{message}"),
        );
    }
    assert_says(
        &folder,
        required_and("[http]\nlisten = \"localhost:80\""),
        "c.toml: http.listen: found \"localhost:80\", expected an IP address and port such as \
         127.0.0.1:9090",
    );
}
