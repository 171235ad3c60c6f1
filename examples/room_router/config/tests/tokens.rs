//! Mistakes about the token, each with its whole message, which never holds it.

use super::{Folder, assert_says, required_and, required_without};

#[test]
fn tokens_that_are_none() {
    let folder = Folder::new();
    folder.file("empty", "\n");
    folder.file("lines", "syt_a\nsyt_b\n");
    let path = |name| folder.folder.path().join(name).display().to_string();
    let shown = |name| {
        format!("{:?}", path(name)).replace(&format!("{}/", folder.folder.path().display()), "")
    };
    let file = "expected a readable file with the access token as its only line";
    let table = [
        ("access_token = \"\"".to_owned(), "access_token: found nothing in it, expected an access token".to_owned()),
        ("access_token = \"sy t\"".to_owned(), "access_token: found spaces or other characters that no token has, expected an access token".to_owned()),
        ("access_token = 12345".to_owned(), "access_token: found an integer, expected an access token".to_owned()),
        (
            format!("access_token_file = {:?}", path("none")),
            format!("access_token_file: found the file {} that cannot be read (No such file or directory (os error 2)), {file}", shown("none")),
        ),
        (
            format!("access_token_file = {:?}", path("empty")),
            format!("access_token_file: found the file {} with nothing in it, {file}", shown("empty")),
        ),
        (
            format!("access_token_file = {:?}", path("lines")),
            format!("access_token_file: found the file {} with spaces or other characters that no token has, {file}", shown("lines")),
        ),
        (
            "access_token_file = \"syt_secret\"".to_owned(),
            format!("access_token_file: found the file what looks like an access token that cannot be read (No such file or directory (os error 2)), {file}"),
        ),
        (
            "access_token = \"a\"\naccess_token_file = \"b\"".to_owned(),
            "access_token: found it beside c.toml: matrix.access_token_file, expected only one of the two".to_owned(),
        ),
    ];
    for (toml, message) in table {
        let toml = required_without("access_token") + &toml;
        assert_says(&folder, toml, &format!("c.toml: matrix.{message}"));
    }
}

#[test]
fn variables_that_contradict_each_other() {
    let both = Folder::new()
        .with("MATRIX_ACCESS_TOKEN", "a")
        .with("MATRIX_ACCESS_TOKEN_FILE", "b");
    let alias = Folder::new()
        .with("MATRIX_USER_ID", "@a:x")
        .with("MATRIX_SERVICE_USER", "@b:x");
    let empty = Folder::new().with("MATRIX_ACCESS_TOKEN", "");
    let flag = Folder::new().with("MATRIX_ENABLED", "yes");

    assert_says(
        &both,
        required_and(""),
        "environment: MATRIX_ACCESS_TOKEN: found it beside environment: MATRIX_ACCESS_TOKEN_FILE, \
         expected only one of the two",
    );
    assert_says(
        &alias,
        required_and(""),
        "environment: MATRIX_USER_ID: found another value than in its alias, expected the same in \
         MATRIX_SERVICE_USER",
    );
    assert_says(
        &empty,
        required_and(""),
        "environment: MATRIX_ACCESS_TOKEN: found nothing in it, expected an access token",
    );
    assert_says(
        &flag,
        required_and(""),
        "environment: MATRIX_ENABLED: found \"yes\", expected true or false",
    );
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let folder = Folder::new();
    let toml = required_without("user_id") + "user_id = \"syt_secret\"";

    assert_says(
        &folder,
        toml,
        "c.toml: matrix.user_id: found what looks like an access token, expected a user id such \
         as @bot:example.org",
    );
}
