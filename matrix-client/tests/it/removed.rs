//! What was said to a bot that was removed from its room since, and came back.

use std::time::Duration;

use http::StatusCode;
use matrix_bridge_core::RoomMode;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};

use crate::{
    away::numbers,
    policies::listed,
    world::{Setup, World, pass},
};

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_a_removal_that_sync_never_showed_is_found_after_the_return() {
    let world = World::new();
    let room = world.followed_room().await;
    world.alice_asks(&room, 0..20);
    invite_again(&world, &room);
    // All that the bot sees of this is that it is invited.
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(1)).await;

    world.server.fault(Fault::limited_timeline(10));
    world.server.join(&room, &world.bot.user_id);
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room)[1..], numbers(0..20));
    world.inbox_is_empty().await;
    bot.stop().await;
}

/// A bot that joins `room` when it is invited.
fn faithful(room: &str) -> Setup {
    Setup {
        policy: listed(&[(room, RoomMode::Active)]),
        ..Setup::default()
    }
}

/// Also where sync shows the removal later than the history does.
#[tokio::test(start_paused = true)]
async fn what_a_removed_bot_may_not_read_waits_until_it_is_back() {
    for syncs_lost in [0, 8] {
        let world = World::new();
        let room = world.followed_room().await;
        let bot = world.start(faithful(&room)).await;
        pass(Duration::from_secs(1)).await;
        world.server.fault(Fault::limited_timeline(10));
        let away = |endpoint| Fault::refused().on(endpoint);
        world.server.fault(away(Endpoint::Messages).times(1));
        world.server.fault(away(Endpoint::Join).forever());
        if syncs_lost > 0 {
            world.server.fault(away(Endpoint::Sync).times(syncs_lost));
        }

        world.alice_asks(&room, 0..20);
        pass(Duration::from_millis(10)).await;
        invite_again(&world, &room);
        pass(Duration::from_secs(120)).await;
        assert_eq!(world.said(&room), ["first"]);
        assert!(bot.reasons().contains(&"history".to_owned()));

        world.server.clear_faults();
        pass(Duration::from_secs(600)).await;

        assert_eq!(world.said(&room)[1..], numbers(0..20));
        assert!(bot.reasons().is_empty(), "{:?}", bot.health());
        world.inbox_is_empty().await;
        bot.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_not_waited_for() {
    for (will_join, at_least) in [(true, 5), (false, 1)] {
        let world = World::new();
        let room = world.followed_room().await;
        world.alice_asks(&room, 0..20);
        world.server.fault(Fault::limited_timeline(10));
        world
            .server
            .fault(Fault::refused().on(Endpoint::Join).forever());
        let hidden = Fault::error(StatusCode::FORBIDDEN, "M_FORBIDDEN");
        world.server.fault(hidden.on(Endpoint::Messages).forever());
        let setup = if will_join {
            faithful(&room)
        } else {
            Setup::default()
        };
        let bot = world.start(setup).await;
        pass(Duration::from_millis(100)).await;
        invite_again(&world, &room);

        pass(Duration::from_secs(600)).await;

        world.inbox_is_empty().await;
        assert!(bot.reasons().contains(&"missed_events".to_owned()));
        assert!(!bot.reasons().contains(&"history".to_owned()));
        let asked = world.asked(Endpoint::Messages).len();
        assert!((at_least..at_least + 60).contains(&asked), "{asked} times");
        bot.stop().await;
    }
}

fn invite_again(world: &World, room: &str) {
    let (alice, bot) = (&world.alice.user_id, &world.bot.user_id);
    world.server.kick(room, alice, bot);
    world.server.invite(room, alice, bot);
}
