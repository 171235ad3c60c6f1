//! `/messages` and single events.

use serde_json::{Value, json};

use crate::client::{alice_in_a_room, bodies};

#[tokio::test]
async fn history_is_walked_both_ways_and_ends() {
    let (server, alice, room) = alice_in_a_room();
    let start = alice.position().await;
    for number in 0..5 {
        server.send_text(&room, alice.user(), &number.to_string());
    }
    let page = async |query: &str| alice.get(&format!("/rooms/{room}/messages?{query}")).await;

    let back = page("dir=b&limit=2").await;
    assert_eq!(bodies(&back.body["chunk"]), ["4", "3"]);
    let further = page(&format!("dir=b&limit=2&from={}", back.text("end"))).await;
    assert_eq!(bodies(&further.body["chunk"]), ["2", "1"]);
    let forth = page(&format!("dir=f&limit=3&from={start}")).await;
    assert_eq!(bodies(&forth.body["chunk"]), ["0", "1", "2"]);
    let last = page(&format!("dir=f&limit=3&from={}", forth.text("end"))).await;
    assert_eq!(bodies(&last.body["chunk"]), ["3", "4"]);
    let none = page(&format!("dir=f&from={}", last.text("end"))).await;
    assert_eq!(none.body["end"], Value::Null);
    let all = page("dir=b&limit=100").await;
    assert_eq!(all.body["chunk"][9]["type"], "m.room.create");
    assert_eq!(all.body["chunk"][0]["room_id"], json!(room));
}

#[tokio::test]
async fn history_is_filtered() {
    let (server, alice, room) = alice_in_a_room();
    server.send_text(&room, alice.user(), "x");
    let filter = r#"{"types":["m.room.create"]}"#;

    let got = alice
        .get(&format!("/rooms/{room}/messages?dir=b&filter={filter}"))
        .await;

    assert_eq!(got.body["chunk"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_single_event_is_found_by_its_id() {
    let (server, alice, room) = alice_in_a_room();
    let event = alice.text(&room, "t1", "x").await.text("event_id");

    let got = alice.get(&format!("/rooms/{room}/event/{event}")).await;

    assert_eq!(got.body["content"]["body"], "x");
    assert_eq!(got.body["room_id"], json!(room));
    assert_eq!(got.body["unsigned"]["transaction_id"], "t1");
    assert_eq!(server.last_event_id(&room), Some(event));
    let none = alice.get(&format!("/rooms/{room}/event/$none")).await;
    assert_eq!(none.refusal(), (404, "M_NOT_FOUND"));
}
