//! Mistakes: one line, exit code 2, and nothing is started.

use std::fs;

use super::{
    bot::{self, Bot, output},
    world::World,
};

/// The one line of a program that refuses.
#[track_caller]
fn refusal(output: &std::process::Output) -> String {
    let said = str::from_utf8(&output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    assert!(said.ends_with('\n') && said.lines().count() == 1, "{said}");
    said.trim_end().to_owned()
}

#[tokio::test]
async fn a_mistake_is_one_line_and_leaves_nothing() {
    let world = World::new().await;
    let required = {
        world.configure(&[], "");
        fs::read_to_string(world.path("c.toml")).unwrap()
    };
    let table = [
        ("matrix = [", "found no TOML at line 1"),
        (
            "[matrix]\nhomeserver = \"x\"",
            "matrix: found the key \"homeserver\", expected only",
        ),
        ("", "matrix.homeserver_url: found nothing, expected"),
        (
            "+grace = true",
            "matrix.grace: found the boolean true, expected a span",
        ),
        (
            "+rooms = [{ id = \"ops\" }]",
            "matrix.rooms[1].id: found \"ops\", expected a room id",
        ),
        (
            "+access_token = \"abc\"",
            "matrix.access_token: found it beside",
        ),
        ("+state_store2 = \"x\"", "found the key \"state_store2\""),
        (
            "+rooms = [{ id = \"!a:b\" }, { id = \"!a:b\", mode = \"off\" }]",
            "matrix.rooms[2]: found !a:b both as active and as off",
        ),
        (
            "+[http]\nlisten = \"here\"",
            "http.listen: found \"here\", expected an IP address",
        ),
    ];
    for (toml, message) in table {
        let toml = match toml.strip_prefix('+') {
            Some(more) => format!("{required}{more}"),
            None => toml.to_owned(),
        };
        fs::write(world.path("c.toml"), toml).unwrap();

        let line = refusal(&output(world.command(&[])).await);

        let start = format!("room_router: {}", world.text_path("c.toml"));
        assert!(line.starts_with(&start) && line.contains(message), "{line}");
    }
    assert!(!world.path("bot.db").exists() && !world.path("bot.db.lock").exists());
    assert_eq!(world.server.requests(), []);
}

#[tokio::test]
async fn variables_and_arguments_are_told_in_the_same_way() {
    let variable = {
        let mut command = bot::command(&[]);
        command.env("MATRIX_HOMESERVER_URL", "nowhere");
        refusal(&output(command).await)
    };
    let argument = refusal(&output(bot::command(&["--verbose"])).await);
    let file = refusal(&output(bot::command(&["--config", "/nowhere/c\n.toml"])).await);

    assert_eq!(
        variable,
        "room_router: environment: MATRIX_HOMESERVER_URL: found \"nowhere\", expected the \
         homeserver's URL, such as https://matrix.example.org"
    );
    assert!(
        argument.contains("found \"--verbose\", which is no argument"),
        "{argument}"
    );
    assert!(
        file.contains("/nowhere/c\\n.toml: found a file that cannot be read"),
        "{file}"
    );
}

#[tokio::test]
async fn a_token_of_somebody_else_or_without_a_device_is_refused() {
    let world = World::new().await;
    world.configure(&[], "");
    let bare = world.server.log_in_without_device(&world.bot.user_id);
    let table = [
        (
            &world.alice.access_token,
            format!(
                "matrix.user_id: found {}, while the access token belongs to {}, expected the \
                 user id of the token's owner",
                world.bot.user_id, world.alice.user_id
            ),
        ),
        (
            &bare.access_token,
            "matrix.access_token_file: found a token without a device".to_owned(),
        ),
    ];
    for (token, message) in table {
        fs::write(world.path("token"), token).unwrap();

        let line = refusal(&output(world.command(&[])).await);

        assert!(line.contains(&message) && !line.contains(token), "{line}");
    }
    assert!(!world.path("bot.db").exists());
    assert_eq!(world.server.writes(), []);
}

#[tokio::test]
async fn a_store_that_is_not_ours_or_in_use_is_left_alone() {
    let world = World::new().await;
    world.configure(&[], "");
    fs::write(world.path("bot.db"), "not a database").unwrap();
    let foreign = refusal(&output(world.command(&[])).await);
    assert!(
        foreign.contains("bot.db: the content is not a whole SQLite database"),
        "{foreign}"
    );
    assert_eq!(fs::read(world.path("bot.db")).unwrap(), b"not a database");
    fs::remove_file(world.path("bot.db")).unwrap();

    let running = world.start().await;
    let second = refusal(&output(world.command(&[])).await);
    assert!(second.contains("another engine holds"), "{second}");
    running.stop().await;

    let mut missing = world.command(&["--shadow-report"]);
    missing.env("MATRIX_STATE_STORE", world.path("none.db"));
    let missing = refusal(&output(missing).await);
    assert!(
        missing.contains("none.db: there is no such file"),
        "{missing}"
    );
}

#[tokio::test]
async fn no_folder_for_the_store_is_told_while_the_homeserver_is_away() {
    let world = World::new().await;
    world.configure(&[], "");
    world.server.go_down();
    let mut command = world.command(&[]);
    command.env("MATRIX_STATE_STORE", "/nowhere/bot.db");

    let line = refusal(&output(command).await);

    assert!(
        line.contains("the folder /nowhere does not exist"),
        "{line}"
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused() {
    let world = World::new().await;
    let taken = world.socket.address();
    world.configure(&[], &format!("[http]\nlisten = \"{taken}\"\n"));

    let line = refusal(&output(world.command(&[])).await);

    assert!(
        line.contains("http.listen: found") && line.contains("cannot be listened on"),
        "{line}"
    );
}

#[tokio::test]
async fn disabled_ends_well_and_says_so() {
    let world = World::new().await;
    fs::write(
        world.path("c.toml"),
        "[matrix]\nenabled = false\n[http]\nlisten = \"127.0.0.1:0\"",
    )
    .unwrap();

    let mut bot = Bot::start(world.command(&[]));

    bot.says("disabled: matrix.enabled is false").await;
    assert_eq!(bot.ended_within(bot::PATIENCE).await, Some(0));
    assert_eq!(world.server.requests(), []);
}
