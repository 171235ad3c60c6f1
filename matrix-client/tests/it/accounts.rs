//! Every trouble that an account may be in: nothing is lost, little is asked, and what to
//! do is told; and how soon it goes on.

use std::time::Duration;

use http::StatusCode;

use matrix_bridge_core::{ListState, Status};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};
use tokio::time::Instant;

use crate::world::{Setup, World, pass};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_host_that_knows_better_ends_the_waits_of_source_and_sender() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 2");
    pass(SECOND).await;
    world.server.lock_user(&world.bot.user_id);
    bot.until_reason("account", true).await;
    bot.until_reason("send_account", true).await;
    world.alice_says(&room, "!ping");
    world.server.restore_user(&world.bot.user_id);

    bot.handle.resume();

    let begun = Instant::now();
    assert_eq!(world.until_said(&room, 2).await, ["slept 2 s", "pong"]);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(bot.reasons(), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_source_finds_out_counts_for_the_sender() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!slow 20");
    pass(SECOND).await;
    world.server.lock_user(&world.bot.user_id);
    bot.until_reason("send_account", true).await;
    pass(SECOND).await;

    world.server.restore_user(&world.bot.user_id);

    bot.until_reason("account", false).await;
    let begun = Instant::now();
    assert_eq!(world.until_said(&room, 1).await, ["slept 20 s"]);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_troubled_account_with_many_rooms_waiting_makes_one_try_at_a_time() {
    let world = World::new();
    let rooms: Vec<_> = (0..20).map(|_| world.room()).collect();
    let bot = world.start(Setup::default()).await;
    world.server.suspend_user(&world.bot.user_id);
    for room in &rooms {
        world.alice_says(room, "!ping");
    }
    bot.until_reason("send_account", true).await;
    pass(SECOND).await;
    // Long enough for other tries to begin before the answer.
    let slow = Fault::late_reply(Duration::from_millis(100));
    world.server.fault(slow.on(Endpoint::Send).forever());

    let before = world.server.writes().len();
    pass(Duration::from_secs(600)).await;
    let tries = world.server.writes().len() - before;
    assert!((10..=21).contains(&tries), "{tries} tries in ten minutes");
    let waiting = world.rows(ListState::Waiting).await;
    assert_eq!(waiting.len(), rooms.len());
    assert!(waiting.iter().all(|row| row.attempts == 0), "{waiting:?}");

    world.server.restore_user(&world.bot.user_id);
    for room in &rooms {
        assert_eq!(world.until_said(room, 1).await, ["pong"]);
    }
    bot.until_reason("", false).await;
    bot.stop().await;
}

/// How an account gets into a trouble and out of it, and what is said meanwhile.
struct Trouble {
    begin: fn(&World),
    end: fn(&World) -> Option<String>,
    advice: &'static str,
}

const TROUBLES: [(&str, Trouble); 6] = [
    (
        "revoked",
        Trouble {
            begin: |world| world.server.revoke(&world.bot.access_token),
            end: |world| Some(log_in_again(world)),
            advice: "log the account in again on the same device and hand over the new access",
        },
    ),
    (
        "soft-logged-out",
        Trouble {
            begin: |world| world.server.expire(&world.bot.access_token),
            end: |world| Some(log_in_again(world)),
            advice: "the session ran out: log in again with the same device id",
        },
    ),
    (
        "locked",
        Trouble {
            begin: |world| world.server.lock_user(&world.bot.user_id),
            end: restore,
            advice: "ask the homeserver's administrator to unlock the account",
        },
    ),
    (
        "suspended",
        Trouble {
            begin: |world| world.server.suspend_user(&world.bot.user_id),
            end: restore,
            advice: "ask the homeserver's administrator to lift the suspension",
        },
    ),
    (
        "deactivated",
        Trouble {
            begin: |world| world.server.deactivate_user(&world.bot.user_id),
            end: |world| {
                restore(world);
                Some(log_in_again(world))
            },
            advice: "a login tells whether the account is deactivated",
        },
    ),
    (
        "limit exceeded",
        Trouble {
            begin: |world| {
                let limit = Fault::error(StatusCode::FORBIDDEN, "M_RESOURCE_LIMIT_EXCEEDED");
                world.server.fault(limit.by(&world.bot.user_id).forever());
            },
            end: |world| {
                world.server.clear_faults();
                None
            },
            advice: "ask its administrator to raise them",
        },
    ),
];

fn restore(world: &World) -> Option<String> {
    world.server.restore_user(&world.bot.user_id);
    None
}

fn log_in_again(world: &World) -> String {
    let device = world.bot.device_id.as_deref().unwrap();
    world.server.log_in(&world.bot.user_id, device).access_token
}

#[tokio::test(start_paused = true)]
async fn no_trouble_of_an_account_loses_anything_or_makes_a_loop() {
    for (name, trouble) in TROUBLES {
        let world = World::new();
        let rooms: Vec<_> = (0..10).map(|_| world.room()).collect();
        let client = world.client().await;
        let bot = world.begin_as(client.clone(), Setup::default());
        world.synced().await;
        for room in &rooms {
            world.alice_says(room, "!slow 2");
        }
        pass(SECOND).await;
        (trouble.begin)(&world);
        for room in &rooms {
            world.alice_says(room, "!ping");
        }
        bot.until_reason("send_account", true).await;
        pass(Duration::from_secs(60)).await;

        world.server.clear_requests();
        pass(Duration::from_secs(600)).await;

        let idle = |query: &str| query.contains("timeout=30000");
        let mut requests = world.server.requests();
        // A suspended account still reads.
        requests.retain(|r| !(idle(&r.query) && r.status == Some(200)));
        let count = requests.len();
        assert!(
            (20..=60).contains(&count),
            "{name}: {count} requests in ten minutes"
        );
        let health = bot.health();
        assert_eq!(health.status, Status::Failed, "{name}");
        let said = format!("{health:?}");
        assert!(said.contains(trouble.advice), "{name}: {said}");
        assert!(!said.contains("restart"), "{name}: {said}");
        assert!(world.rows(ListState::Parked).await.is_empty(), "{name}");
        let waiting = world.rows(ListState::Waiting).await;
        assert!(
            !waiting.is_empty() && waiting.iter().all(|row| row.attempts == 0),
            "{name}"
        );

        if let Some(token) = (trouble.end)(&world) {
            client.set_token(token).await.unwrap();
        }
        for room in &rooms {
            assert_eq!(
                world.until_said(room, 2).await,
                ["slept 2 s", "pong"],
                "{name}"
            );
        }
        bot.until_reason("", false).await;
        bot.stop().await;
    }
}
