//! Mistakes in URLs, ids and the list of rooms, each with its whole message.

use super::{Folder, assert_says, required_and, required_without};

const NAME: &str = "a room id such as !abc:example.org or an alias such as #ops:example.org";
const URL: &str = "the homeserver's URL, such as https://matrix.example.org";

#[test]
fn addresses_of_no_homeserver() {
    let folder = Folder::new();
    for url in [
        "matrix.example.org",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://x?a=b",
        "http://x/#a",
        "http://a b",
        "\\u0000",
    ] {
        let toml = required_without("homeserver_url") + &format!("homeserver_url = \"{url}\"");
        let shown = url.replace("\\u0000", "\\0");
        let message = format!("c.toml: matrix.homeserver_url: found \"{shown}\", expected {URL}");
        assert_says(&folder, toml, &message);
    }
    assert_says(
        &folder,
        required_without("homeserver_url") + "homeserver_url = \"http://me:secret@x\"",
        &format!(
            "c.toml: matrix.homeserver_url: found a URL with a user or password in it, expected \
             {URL}"
        ),
    );
}

#[test]
fn ids_that_are_none() {
    let folder = Folder::new();
    for user in ["bot", "@bot", "#bot:x", ""] {
        let toml = required_without("user_id") + &format!("user_id = \"{user}\"");
        let shown = match user {
            "" => "an empty value".to_owned(),
            user => format!("{user:?}"),
        };
        let message = format!(
            "c.toml: matrix.user_id: found {shown}, expected a user id such as @bot:example.org"
        );
        assert_says(&folder, toml, &message);
    }
    for room in ["a:b", "!a", "!:b", "!a b:c", "#a", "#a:", "!"] {
        let toml = required_and(&format!("rooms = [{{ id = \"{room}\" }}]"));
        let message = format!("c.toml: matrix.rooms[1].id: found \"{room}\", expected {NAME}");
        assert_says(&folder, toml, &message);
    }
}

#[test]
fn lists_of_rooms_that_make_no_sense() {
    let folder = Folder::new();
    let table = [
        ("rooms = \"!a:b\"", "rooms: found \"!a:b\", expected tables [[matrix.rooms]], each with id and mode".to_owned()),
        ("rooms = [\"!a:b\"]", "rooms[1]: found the string \"!a:b\", expected a table with id and mode".to_owned()),
        ("rooms = [{ mode = \"off\" }]", format!("rooms[1].id: found nothing, expected {NAME}")),
        (
            "rooms = [{ id = \"!a:b\", mode = \"of\" }]",
            "rooms[1].mode: found \"of\", expected \"active\", \"shadow\" or \"off\"".to_owned(),
        ),
        (
            "rooms = [{ id = \"!a:b\" }, { id = \"!a:b\", mode = \"off\" }]",
            "rooms[2]: found !a:b both as active and as off, expected each room once, or with the same mode".to_owned(),
        ),
    ];
    for (toml, message) in table {
        assert_says(
            &folder,
            required_and(toml),
            &format!("c.toml: matrix.{message}"),
        );
    }
    let variables = [
        (
            "!a:b=on",
            "\"!a:b=on\", expected \"active\", \"shadow\" or \"off\" after the =",
        ),
        (
            "!a:b=off,!a:b",
            "!a:b both as off and as active, expected each room once, or with the same mode",
        ),
        ("!a:b,", &format!("an empty value, expected {NAME}")),
        (
            "",
            "an empty value, expected a list such as !a:b=active,#c:d=shadow",
        ),
    ];
    for (value, message) in variables {
        let folder = Folder::new().with("MATRIX_ROOMS", value);
        let message = format!("environment: MATRIX_ROOMS: found {message}");
        assert_says(&folder, required_and(""), &message);
    }
}
