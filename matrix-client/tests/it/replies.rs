//! Every answer lands where its question was.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Setup, World, pass};

fn relation(world: &World, room: &str) -> Vec<Value> {
    world
        .answers(room)
        .iter()
        .map(|answer| answer.content["m.relates_to"].clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn answers_land_in_the_room_and_thread_of_their_questions() {
    let world = World::new();
    let [kitchen, workshop] = [world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    let alice = &world.alice.user_id;

    let root = world.alice_says(&kitchen, "a topic");
    let other_root = world.alice_says(&workshop, "another topic");
    let first = world
        .server
        .send_in_thread(&kitchen, alice, &root, "!echo one");
    let second = world
        .server
        .send_in_thread(&workshop, alice, &other_root, "!echo two");
    let third = world.alice_says(&kitchen, "!echo three");

    assert_eq!(world.until_said(&kitchen, 2).await, ["one", "three"]);
    assert_eq!(world.until_said(&workshop, 1).await, ["two"]);
    let threaded = |question: &str, root: &str| {
        json!({"rel_type": "m.thread", "event_id": root, "is_falling_back": false,
            "m.in_reply_to": {"event_id": question}})
    };
    let plain = json!({"m.in_reply_to": {"event_id": third}});
    assert_eq!(relation(&world, &kitchen), [threaded(&first, &root), plain]);
    assert_eq!(
        relation(&world, &workshop),
        [threaded(&second, &other_root)]
    );
    assert_eq!(world.answers(&kitchen)[0].content["m.mentions"], json!({}));
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hostile_relation_never_moves_an_answer() {
    let world = World::new();
    let [room, other] = [world.room(), world.room()];
    let foreign = world.alice_says(&other, "a root elsewhere");
    let edited = world.alice_says(&room, "draft");
    let edit = world
        .server
        .edit(&room, &world.alice.user_id, &edited, "final");
    let bot = world.start(Setup::default()).await;
    let relations = [
        json!({"rel_type": "m.thread", "event_id": foreign}),
        json!({"rel_type": "m.thread", "event_id": edit}),
        json!({"rel_type": "m.thread", "event_id": "$nowhere"}),
        json!({"rel_type": "m.thread", "event_id": 7}),
        json!({"rel_type": "m.thread", "event_id": format!("${}", "x".repeat(1_000_000))}),
        json!({"rel_type": ["m.thread"], "event_id": foreign}),
        json!({"m.in_reply_to": {"event_id": foreign}}),
        json!("m.thread"),
        json!([1, 2]),
    ];

    // A homeserver that lets everything pass is one more thing not to rely on.
    let questions: Vec<String> = (0..relations.len())
        .map(|index| {
            let event = json!({
                "event_id": format!("$hostile{index}"), "sender": world.alice.user_id,
                "type": "m.room.message", "origin_server_ts": 1,
                "content": {"msgtype": "m.text", "body": "!ping",
                    "m.relates_to": relations[index]},
            });
            world.server.inject_raw(&room, event.to_string());
            format!("$hostile{index}")
        })
        .collect();

    pass(Duration::from_secs(600)).await;
    let expected: Vec<Value> = questions
        .iter()
        .map(|id| json!({"m.in_reply_to": {"event_id": id}}))
        .collect();
    assert_eq!(relation(&world, &room), expected);
    assert_eq!(world.said(&other), [""; 0]);
    bot.stop().await;
}
