//! One bad event harms only itself.

use matrix_bridge_core::{Account, ParkCode, StateStore};

use crate::world::{Setup, World};

#[tokio::test(start_paused = true)]
async fn whatever_stands_in_an_event_the_room_goes_on() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let head = r#""sender":"@alice:testkit.local","type":"m.room.message""#;
    let hostile = [
        "[]".to_owned(),
        "7".to_owned(),
        "{}".to_owned(),
        deep(2_000),
        r#"{"event_id":"$h1","sender":7,"type":"m.room.message"}"#.to_owned(),
        format!(r#"{{"event_id":"$h2",{head},"content":{}}}"#, deep(2_000)),
        format!(r#"{{"event_id":"$h3",{head},"content":{{"msgtype":"m.text","body":{}}}}}"#, deep(500)),
        format!(r#"{{"event_id":"$h4",{head},"content":{{"body":"\ud800","msgtype":"m.text"}}}}"#),
        format!(r#"{{"event_id":"$h5",{head},{head},"content":{{}}}}"#),
        format!(r#"{{"event_id":"$h6",{head},"content":"\u0000"}}"#),
        format!(r#"{{"event_id":"$h7",{head},"content":{{"msgtype":"m.text","body":"{}"}}}}"#, "x".repeat(1_000_000)),
        format!(r#"{{"event_id":"$h8",{head},"state_key":{{}}}}"#),
        format!(r#"{{"event_id":"{}",{head}}}"#, "y".repeat(300)),
        r#"{"event_id":"$h9","sender":"@alice:testkit.local","type":"m.room.encryption","state_key":[],"content":1e999}"#.to_owned(),
        r#"{"event_id":"$h10","sender":"@alice:testkit.local","type":"m.room.tombstone","state_key":"","content":{"replacement_room":7}}"#.to_owned(),
        r#"{"event_id":"$h11","sender":"@bot:testkit.local","type":"m.room.member","state_key":"@bot:testkit.local","content":[]}"#.to_owned(),
    ];

    for event in hostile {
        world.server.inject_raw(&room, event);
    }
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    let parked = world
        .store
        .parked_events(&Account::new(&world.bot.user_id), None, 100)
        .await
        .unwrap();
    assert!(
        parked
            .iter()
            .all(|parked| parked.event.reason.code == ParkCode::Unreadable),
        "{parked:?}"
    );
    let mut ids: Vec<_> = parked
        .iter()
        .map(|parked| parked.event.event_id.as_ref().unwrap().as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["$h1", "$h8", "$h9"]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_to_device_message_of_any_depth_does_not_stop_the_sync() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
    let event =
        format!(r#"{{"type":"x","sender":"@mallory:testkit.local","content":{{"d":{deep}}}}}"#);

    world.server.inject_to_device(&world.bot.user_id, event);
    world.alice_says(&room, "!ping");

    assert_eq!(world.until_said(&room, 1).await, ["pong"]);
    bot.stop().await;
}
