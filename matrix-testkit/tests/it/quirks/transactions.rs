//! The memory of transaction ids.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::world::World;
use crate::client::{Client, Got, bodies};

async fn ann_in_a_room(world: &World) -> (Client, String) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    (ann, room)
}

/// What was said in the room, last first.
async fn said(who: &Client, room: &str) -> Vec<String> {
    let path = format!("/rooms/{room}/messages?dir=b&limit=100");
    bodies(&who.get(&path).await.body["chunk"])
}

fn ids(answers: &[Got]) -> Vec<String> {
    assert!(answers.iter().all(|got| got.status == 200), "{answers:?}");
    answers.iter().map(|got| got.text("event_id")).collect()
}

pub(crate) async fn a_used_transaction_id_answers_for_every_endpoint_and_does_nothing(
    world: &mut World,
) {
    let (ann, room) = ann_in_a_room(world).await;
    let target = ann.text(&room, "target", "target").await.text("event_id");
    let sent = ann.text(&room, "used", "one").await.text("event_id");

    let old_path = format!("/_matrix/client/r0/rooms/{room}/send/m.room.message/used");
    let answers = [
        ann.text(&room, "used", "another body").await,
        ann.put(
            &format!("/rooms/{room}/send/other.type/used"),
            json!({ "a": 1 }),
        )
        .await,
        ann.put(&format!("/rooms/{room}/redact/{target}/used"), json!({}))
            .await,
        ann.put(&old_path, json!({ "msgtype": "m.text", "body": "old" }))
            .await,
    ];

    assert!(ids(&answers).iter().all(|id| *id == sent));
    assert_eq!(said(&ann, &room).await, ["one", "target"]);
    // And the other way round.
    let redact = format!("/rooms/{room}/redact/{target}/redaction");
    let redaction = ann.put(&redact, json!({})).await.text("event_id");
    let again = ann.put(&redact, json!({})).await;
    let sent = ann.text(&room, "redaction", "never said").await;
    assert!(ids(&[again, sent]).iter().all(|id| *id == redaction));
    assert_eq!(said(&ann, &room).await, ["one"]);
}

pub(crate) async fn another_room_device_or_user_has_transaction_ids_of_its_own(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let (tablet, bob) = (world.log_in("ann", "TABLET").await, world.user("bob").await);
    let other_room = ann.room(&json!({})).await;
    bob.post(&format!("/join/{room}"), json!({})).await;

    let mut all = Vec::new();
    for (who, room) in [
        (&ann, &room),
        (&ann, &other_room),
        (&tablet, &room),
        (&bob, &room),
    ] {
        all.push(who.text(room, "same", "x").await);
    }

    let mut different = ids(&all);
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 4);
}

pub(crate) async fn a_new_login_on_the_device_keeps_its_transaction_ids(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let device = ann.account.device_id.clone().unwrap();
    let first = ann.text(&room, "same", "one").await;

    let later = world.log_in("ann", &device).await;
    let second = later.text(&room, "same", "one").await;
    // Against the specification, the older token stays good.
    let third = ann.text(&room, "same", "one").await;

    let ids = ids(&[first, second, third]);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(said(&ann, &room).await, ["one"]);
}

pub(crate) async fn twenty_at_once_under_one_id_are_one_event(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;

    let mut all = JoinSet::new();
    for number in 0..20 {
        let (ann, room) = (ann.clone(), room.clone());
        all.spawn(async move { ann.text(&room, "same", &number.to_string()).await });
    }
    let mut ids = ids(&all.join_all().await);

    ids.dedup();
    assert_eq!((ids.len(), said(&ann, &room).await.len()), (1, 1));
}

pub(crate) async fn who_was_thrown_out_is_still_answered_under_a_known_id(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bob = world.user("bob").await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    let said = bob.text(&room, "known", "hello").await;
    ann.post(
        &format!("/rooms/{room}/kick"),
        json!({ "user_id": bob.user() }),
    )
    .await;

    let again = bob.text(&room, "known", "hello").await;
    let more = bob.text(&room, "unknown", "hello").await;

    assert_eq!(
        (again.status, again.text("event_id")),
        (200, said.text("event_id"))
    );
    assert_eq!(more.refusal(), (403, "M_FORBIDDEN"));
}

pub(crate) async fn odd_transaction_ids_are_ids_and_an_empty_one_breaks(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let long = "y".repeat(4000);
    for odd in ["..%2Fx", "a%2Fb", "%00", "%F0%9F%98%80", "%20", &*long] {
        let twice = [
            ann.text(&room, odd, "x").await,
            ann.text(&room, odd, "x").await,
        ];
        let ids = ids(&twice);
        assert_eq!(ids[0], ids[1], "{odd:.20}");
    }

    let first = ann.text(&room, "", "first").await;
    let again = ann.text(&room, "", "again").await;
    let path = format!("/rooms/{room}/send/m.room.encrypted/");
    let elsewhere = ann.put(&path, json!({ "a": 1 })).await;

    // The same path is answered from memory, another finds the place taken.
    assert_eq!(ids(&[first])[0], again.text("event_id"));
    assert_eq!(elsewhere.refusal(), (500, "M_UNKNOWN"));
}

pub(crate) async fn a_restart_keeps_transaction_ids_only_with_a_device(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bare = world.log_in_without_device(&ann).await;
    let before = [
        ann.text(&room, "device", "x").await,
        bare.text(&room, "bare", "x").await,
    ];
    let in_memory = bare.text(&room, "bare", "x").await;

    world.restart().await;

    let after = [
        ann.text(&room, "device", "x").await,
        bare.text(&room, "bare", "x").await,
    ];
    let (before, after) = (ids(&before), ids(&after));
    assert_eq!(in_memory.text("event_id"), before[1]);
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    let path = format!("/rooms/{room}/messages?dir=b&limit=1");
    let echo = bare.get(&path).await.body["chunk"][0]["unsigned"]["transaction_id"].clone();
    assert_eq!(echo, Value::Null);
}
