//! What the bot may do where: shadow, off, history.

use std::{collections::BTreeMap, time::Duration};

use matrix_bridge_client::SyncSettings;
use matrix_bridge_core::{Action, History, ListState, Policy, RoomMode, Rooms, ruma::OwnedRoomId};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault};

use crate::world::{Setup, World, pass};

pub(crate) fn listed(rooms: &[(&str, RoomMode)]) -> Policy {
    let rooms: BTreeMap<OwnedRoomId, RoomMode> = rooms
        .iter()
        .map(|(room, mode)| (OwnedRoomId::try_from(*room).unwrap(), *mode))
        .collect();
    Policy {
        rooms: Rooms::Listed(rooms),
        ..Policy::default()
    }
}

fn setup(policy: Policy) -> Setup {
    Setup {
        policy,
        ..Setup::default()
    }
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_records_and_writes_nothing() {
    let world = World::new();
    let [room, invited] = [world.room(), world.server.create_room(&world.alice.user_id)];
    let modes = [(&*room, RoomMode::Active), (&*invited, RoomMode::Active)];
    let bot = world
        .start(setup(Policy {
            shadow: true,
            ..listed(&modes)
        }))
        .await;

    let question = world.alice_says(&room, "!ping");
    world
        .server
        .invite(&invited, &world.alice.user_id, &world.bot.user_id);
    pass(Duration::from_secs(3_600)).await;

    assert_eq!(world.server.writes(), []);
    let shadow = world.rows(ListState::Shadow).await;
    let actions: Vec<_> = shadow.iter().map(|row| &row.body.action).collect();
    let [Action::Message { content, .. }, Action::Join] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    assert!(content.as_str().contains("pong"));
    assert_eq!(shadow[0].body.cause.as_ref().unwrap().as_str(), question);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_is_never_sent_later() {
    let world = World::new();
    let room = world.room();
    let bot = world
        .start(setup(listed(&[(&room, RoomMode::Shadow)])))
        .await;
    world.alice_says(&room, "!echo shadow");
    pass(Duration::from_secs(60)).await;

    bot.handle.set_policy(listed(&[(&room, RoomMode::Active)]));
    world.alice_says(&room, "!echo active");
    world.until_said(&room, 1).await;
    bot.stop().await;
    let bot = world
        .start(setup(listed(&[(&room, RoomMode::Active)])))
        .await;
    pass(Duration::from_secs(3_600)).await;

    assert_eq!(world.said(&room), ["active"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_in_shadow_is_not_sent_though_sending_was_paused_until_the_flip() {
    let world = World::new();
    let [room, other] = [world.room(), world.room()];
    let both = |mode| listed(&[(&room, mode), (&other, RoomMode::Active)]);
    let bot = world.start(setup(both(RoomMode::Shadow))).await;
    let away = Fault::refused().on(Endpoint::Send).by(&world.bot.user_id);
    world.server.fault(away.forever());
    world.alice_says(&other, "!ping");
    bot.until_reason("send", true).await;

    world.alice_says(&room, "!echo shadow");
    pass(Duration::from_millis(10)).await;
    bot.handle.set_policy(both(RoomMode::Active));
    world.server.clear_faults();
    world.until_said(&other, 1).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), [""; 0]);
    assert_eq!(world.rows(ListState::Shadow).await.len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn flipping_one_room_changes_nothing_else() {
    let world = World::new();
    let [flipped, other] = [world.room(), world.room()];
    let both = |mode| listed(&[(&flipped, mode), (&other, RoomMode::Active)]);
    let bot = world.start(setup(both(RoomMode::Active))).await;
    for (mode, body) in [
        (RoomMode::Active, "!echo one"),
        (RoomMode::Shadow, "!echo two"),
        (RoomMode::Off, "!echo three"),
        (RoomMode::Active, "!echo four"),
    ] {
        bot.handle.set_policy(both(mode));
        world.alice_says(&flipped, body);
        world.alice_says(&other, body);
        pass(Duration::from_secs(60)).await;
    }

    assert_eq!(world.said(&flipped), ["one", "four"]);
    assert_eq!(world.said(&other), ["one", "two", "three", "four"]);
    assert_eq!(world.rows(ListState::Shadow).await.len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_decided_before_its_room_went_silent_is_recorded_and_not_sent() {
    let world = World::new();
    let room = world.room();
    let bot = world
        .start(setup(listed(&[(&room, RoomMode::Active)])))
        .await;
    world.server.go_down();
    world.server.come_up();
    world.server.set_rate_limit(Some(
        matrix_bridge_testkit::homeserver::RateLimit::synapse_default(),
    ));
    world.server.exempt_from_limits(&world.alice.user_id);
    for number in 0..12 {
        world.alice_says(&room, &format!("!echo {number}"));
    }
    world.until_said(&room, 10).await;

    bot.handle.set_policy(listed(&[(&room, RoomMode::Shadow)]));
    pass(Duration::from_secs(3_600)).await;

    assert_eq!(
        world.said(&room).len() + world.rows(ListState::Shadow).await.len(),
        12
    );
    assert!(world.said(&room).len() <= 11);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_not_listed_is_not_heard() {
    let world = World::new();
    let [listed_room, other] = [world.room(), world.room()];
    let bot = world
        .start(setup(listed(&[(&listed_room, RoomMode::Active)])))
        .await;

    world.alice_says(&other, "!ping");
    world.alice_says(&listed_room, "!ping");
    world.until_said(&listed_room, 1).await;
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.said(&other), [""; 0]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_start_skips_history() {
    let world = World::new();
    let room = world.room();
    for number in 0..30 {
        world.alice_says(&room, &format!("!echo {number}"));
    }
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!echo new");
    world.until_said(&room, 1).await;
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.said(&room), ["new"]);
    assert!(bot.reasons().is_empty(), "{:?}", bot.reasons());
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_start_may_handle_the_last_of_history() {
    let world = World::new();
    let room = world.room();
    for number in 0..30 {
        world.alice_says(&room, &format!("!echo {number}"));
    }
    let policy = Policy {
        history: History::Last(3),
        ..Policy::default()
    };
    let sync = SyncSettings {
        first_timeline: 6,
        ..SyncSettings::default()
    };
    let bot = world
        .start(Setup {
            policy,
            sync,
            ..Setup::default()
        })
        .await;

    assert_eq!(world.until_said(&room, 3).await, ["27", "28", "29"]);
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.said(&room).len(), 3);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_our_own_join_is_history() {
    let world = World::new();
    let bot = world.start(Setup::default()).await;
    let room = world.server.create_room(&world.alice.user_id);
    world.alice_says(&room, "!echo before");
    world
        .server
        .invite(&room, &world.alice.user_id, &world.bot.user_id);
    world.server.join(&room, &world.bot.user_id);
    world.alice_says(&room, "!echo after");

    world.until_said(&room, 1).await;
    world
        .server
        .kick(&room, &world.alice.user_id, &world.bot.user_id);
    world.alice_says(&room, "!echo while away");
    world
        .server
        .invite(&room, &world.alice.user_id, &world.bot.user_id);
    world.server.join(&room, &world.bot.user_id);
    world.alice_says(&room, "!echo back");
    world.until_said(&room, 2).await;
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.said(&room), ["after", "back"]);
    bot.stop().await;
}
