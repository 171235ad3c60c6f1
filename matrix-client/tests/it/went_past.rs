//! A position that the homeserver accepts, and that is past what was not received: it is
//! found out by a look at the newest events.

use std::time::Duration;

use http::StatusCode;
use matrix_bridge_core::ListState;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, Homeserver};

use crate::{
    away::numbers,
    world::{Setup, World, pass},
};

impl World {
    /// The bot's store stands behind all that happened, received or not.
    async fn go_past(&self) {
        self.put_position(&self.server.look(Homeserver::next_batch))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_accepted_and_wrong_is_found_out() {
    for (name, questions_before) in [("behind", 0), ("ahead", 20), ("future", 20), ("within", 10)] {
        let world = World::new();
        let [room, quiet] = [world.followed_room().await, world.followed_room().await];
        world.alice_asks(&room, 0..questions_before);
        let token = match name {
            "behind" => "s3".to_owned(),
            "future" => "s999999999".to_owned(),
            _ => {
                // Another user's token: what a sync of theirs ends with.
                world.server.look(Homeserver::next_batch)
            }
        };
        world.alice_asks(
            &room,
            questions_before..if name == "ahead" { 20 } else { 30 },
        );
        world.put_position(&token).await;

        let bot = world.start(Setup::default()).await;
        let count = if name == "ahead" { 20 } else { 30 };

        pass(Duration::from_secs(600)).await;
        assert_eq!(world.said(&room)[1..], numbers(0..count), "{name}");
        assert_eq!(world.said(&quiet), ["first"], "{name}");
        assert_eq!(bot.reasons(), [""; 0], "{name}");
        world.inbox_is_empty().await;
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_encrypted_where_the_position_went_past_is_silent_from_then_on() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..20);
    world.encrypt(&room);
    world.alice_asks(&room, 20..40);
    world.go_past().await;
    world.alice_asks(&room, 40..50);

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), ["first"]);
    assert!(bot.reasons()[0].starts_with("encrypted_room"));
    // What was asked before, and nothing of what came then.
    assert_eq!(world.rows(ListState::Parked).await.len(), 20);
    world.inbox_is_empty().await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_look_soon_after_another_sees_what_came_between() {
    let world = World::new();
    let room = world.followed_room().await;
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(5)).await;
    bot.stop().await;

    world.alice_asks(&room, 0..20);
    world.go_past().await;
    let bot = world.start(Setup::default()).await;

    pass(Duration::from_secs(600)).await;
    assert_eq!(world.said(&room)[1..], numbers(0..20));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sound_position_costs_one_look_and_no_history() {
    let world = World::new();
    let rooms = [world.followed_room().await, world.followed_room().await];

    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(600)).await;

    let is_look = |query: &str| !query.contains("since=");
    let syncs = world.asked(Endpoint::Sync);
    let looks = syncs.iter().filter(|sync| is_look(&sync.query));
    assert_eq!(looks.count(), 1);
    assert_eq!(world.asked(Endpoint::Messages), []);
    assert!(rooms.iter().all(|room| world.said(room) == ["first"]));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_what_the_homeserver_went_past_is_found() {
    let world = World::new();
    let room = world.followed_room().await;
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(10)).await;
    world.server.go_down();
    world.alice_asks(&room, 0..5);
    let before = world.position().await;
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.position().await, before);
    // The homeserver comes back and knows nothing of the events after that position.
    let passed_over = Fault::answer(
        StatusCode::OK,
        "application/json",
        format!(
            r#"{{"next_batch":"{}"}}"#,
            world.server.look(Homeserver::next_batch)
        ),
    );
    world.server.fault(passed_over.on(Endpoint::Sync));
    world.server.come_up();

    let said = world.until_said(&room, 6).await;

    assert_eq!(said[1..], numbers(0..5));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_repeated_until_it_succeeds() {
    let world = World::new();
    let room = world.followed_room().await;
    let other = world.room();
    world.alice_asks(&room, 0..3);
    // The homeserver goes past what was asked, and cannot say what is newest.
    world.go_past().await;
    world
        .server
        .fault(Fault::refused().on(Endpoint::Sync).skip(1).times(1));
    let bot = world.begin(Setup::default()).await;
    for _ in 0..6 {
        world
            .server
            .fault(Fault::refused().on(Endpoint::Sync).skip(1).times(1));
        world.alice_says(&other, "hello");
        pass(Duration::from_secs(100)).await;
    }
    world.server.clear_faults();

    world.alice_says(&other, "hello");
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room)[1..], numbers(0..3));
    bot.stop().await;
}
