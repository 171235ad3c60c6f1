//! R10: where the configuration comes from, and the mistakes that only a homeserver shows.

use crate::load::ask;
use crate::router::{Router, output, program};
use crate::world::{World, joined, room};

#[tokio::test]
async fn the_environment_alone_makes_a_bot() {
    let world = World::shared("environment");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let files = world.setup(&bot);

    let mut command = program();
    command
        .env("MATRIX_ENABLED", "true")
        .env("MATRIX_HOMESERVER_URL", world.base_url())
        .env("MATRIX_SERVICE_USER", &bot.user_id)
        .env("MATRIX_ACCESS_TOKEN_FILE", files.token_path())
        .env("MATRIX_STATE_STORE", files.store_path())
        .env("MATRIX_ROOMS", format!("{room}=active"))
        .env("MATRIX_HTTP_LISTEN", "127.0.0.1:0");
    let router = Router::start_as(command, world.path("environment.log")).await;
    joined(&ann, &room, &bot.user_id).await;

    ask(&ann, &room, &bot.user_id, "here").await;
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let world = World::shared("both");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let setup = world.setup(&bot).mode("shadow");
    setup.write();

    let mut command = program();
    command.arg("--config").arg(setup.path());
    command
        .env("MATRIX_MODE", "active")
        .env("MATRIX_ROOMS", format!("{room}=active"));
    let router = Router::start_as(command, world.path("both.log")).await;
    joined(&ann, &room, &bot.user_id).await;

    ask(&ann, &room, &bot.user_id, "here").await;
    assert!(router.stop().await.success());
}

#[tokio::test]
async fn a_token_of_somebody_else_is_refused_in_one_line_before_anything_is_started() {
    let world = World::shared("stranger");
    let (bot, stranger) = (world.account("bot").await, world.account("stranger").await);
    let setup = world.setup(&bot);
    setup.write();
    setup.write_token(&stranger.access_token);

    let output = output(&[], setup.path()).await;

    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), errors.lines().count()),
        (Some(2), 1),
        "{errors}"
    );
    let expected = format!(
        "room_router: {}: matrix.user_id: found {}, while the access token belongs to {}, expected",
        setup.path().display(),
        bot.user_id,
        stranger.user_id
    );
    assert!(errors.starts_with(&expected), "{errors}");
    assert!(!errors.contains(&stranger.access_token));
    assert!(output.stdout.is_empty() && !setup.store_path().exists());
}
