//! What is refused, and in which words.

use http::Method;
use serde_json::{Value, json};

use super::world::World;
use crate::client::{Client, Got};

async fn ann_in_a_room(world: &World) -> (Client, String) {
    let ann = world.user("ann").await;
    let room = ann.room(&json!({ "preset": "public_chat" })).await;
    (ann, room)
}

/// Sends these very bytes as a message.
async fn send(who: &Client, room: &str, txn: &str, body: impl Into<bytes::Bytes>) -> Got {
    let path = format!("/rooms/{room}/send/m.room.message/{txn}");
    who.request(Method::PUT, &path, body).await
}

pub(crate) async fn a_body_is_refused_for_what_is_wrong_with_it(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let with = |more: &str| format!(r#"{{"msgtype":"m.text","body":"x","more":{more}}}"#);
    let deep = |depth| with(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let cases = [
        (String::new(), 400, "M_NOT_JSON"),
        ("{".into(), 400, "M_NOT_JSON"),
        (with("NaN"), 400, "M_NOT_JSON"),
        (deep(1200), 400, "M_NOT_JSON"),
        (deep(126), 400, "M_BAD_JSON"),
        ("[]".into(), 400, "M_BAD_JSON"),
        ("null".into(), 400, "M_BAD_JSON"),
        (with("1.5"), 400, "M_BAD_JSON"),
        (with("1e3"), 400, "M_BAD_JSON"),
        (with("9007199254740992"), 400, "M_BAD_JSON"),
        (with("-9007199254740992"), 400, "M_BAD_JSON"),
        ("{}".into(), 400, "M_UNKNOWN"),
        (r#"{"body":"x"}"#.into(), 400, "M_UNKNOWN"),
        (r#"{"msgtype":"m.text","body":1}"#.into(), 400, "M_UNKNOWN"),
        (with(r#""\ud800""#), 500, "M_UNKNOWN"),
    ];

    for (number, (body, status, code)) in cases.into_iter().enumerate() {
        let got = send(&ann, &room, &number.to_string(), body.clone()).await;
        assert_eq!(got.refusal(), (status, code), "{body:.60}");
    }
    let not_text = send(&ann, &room, "bytes", vec![0xff]).await;
    assert_eq!(not_text.refusal(), (400, "M_NOT_JSON"));
    let fine = [
        deep(125),
        with("9007199254740991"),
        with(r#""\u0000""#),
        with("1,\"more\":2"),
    ];
    for (number, body) in fine.into_iter().enumerate() {
        let got = send(&ann, &room, &format!("fine{number}"), body.clone()).await;
        assert_eq!(got.status, 200, "{body:.60}");
    }
}

pub(crate) async fn an_event_has_at_most_64_kib(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;

    // How much the envelope takes depends on the length of the names.
    let fits = ann.text(&room, "fits", &"x".repeat(64_500)).await;
    let too_long = ann.text(&room, "long", &"x".repeat(65_300)).await;
    let newlines = ann.text(&room, "lines", &"\n".repeat(32_650)).await;
    let long = "x".repeat(256);
    let kind = ann
        .put(&format!("/rooms/{room}/send/{long}/kind"), json!({}))
        .await;

    assert_eq!(fits.status, 200);
    for refused in [too_long, newlines, kind] {
        assert_eq!(refused.refusal(), (413, "M_TOO_LARGE"));
    }
}

pub(crate) async fn state_sent_as_a_message_breaks_the_server(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;

    let kinds = [
        "m.room.member",
        "m.room.create",
        "m.room.power_levels",
        "m.room.redaction",
    ];
    for kind in kinds {
        let got = ann
            .put(
                &format!("/rooms/{room}/send/{kind}/{kind}"),
                json!({ "a": "b" }),
            )
            .await;
        assert_eq!(got.refusal(), (500, "M_UNKNOWN"), "{kind}");
    }
}

pub(crate) async fn who_is_not_in_a_room_is_told_the_same_for_every_reason(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let names = ["never", "left", "kicked", "banned"];
    let mut refused = Vec::new();
    for name in names {
        let who = world.user(name).await;
        let target = json!({ "user_id": who.user() });
        if name != "never" {
            who.post(&format!("/join/{room}"), json!({})).await;
        }
        match name {
            "left" => drop(who.post(&format!("/rooms/{room}/leave"), json!({})).await),
            "kicked" => drop(ann.post(&format!("/rooms/{room}/kick"), target).await),
            "banned" => drop(ann.post(&format!("/rooms/{room}/ban"), target).await),
            _ => {}
        }
        let got = who.text(&room, "t", "x").await;
        assert_eq!(
            got.text("error"),
            format!("User {} not in room {room}", who.user())
        );
        refused.push(got);
        if name == "banned" {
            let join = who.post(&format!("/join/{room}"), json!({})).await;
            assert_eq!(join.refusal(), (403, "M_BAD_STATE"));
        }
    }
    refused.push(ann.text("!unknown:localhost", "t", "x").await);
    refused.push(ann.text("garbage", "t", "x").await);

    assert!(
        refused
            .iter()
            .all(|got| got.refusal() == (403, "M_FORBIDDEN")),
        "{refused:?}"
    );
}

pub(crate) async fn too_little_power_is_told_with_both_levels(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bob = world.user("bob").await;
    bob.post(&format!("/join/{room}"), json!({})).await;
    let hers = ann.text(&room, "hers", "x").await.text("event_id");
    let redact = async |who: &Client, event: &str, txn: &str| {
        who.put(&format!("/rooms/{room}/redact/{event}/{txn}"), json!({}))
            .await
    };

    let state = bob
        .put(
            &format!("/rooms/{room}/state/m.room.topic"),
            json!({ "topic": "x" }),
        )
        .await;
    let foreign = redact(&bob, &hers, "1").await;
    let unknown = redact(&bob, "$unknown", "2").await;
    let unknown_to_the_powerful = redact(&ann, "$unknown", "3").await;

    assert_eq!(state.refusal(), (403, "M_FORBIDDEN"));
    let words =
        "You don't have permission to post that to the room. user_level (0) < send_level (50)";
    assert_eq!(state.text("error"), words);
    assert_eq!(foreign.refusal(), (403, "M_FORBIDDEN"));
    assert_eq!(unknown.refusal(), (404, "M_NOT_FOUND"));
    assert_eq!(unknown_to_the_powerful.status, 200);
}

pub(crate) async fn a_replaced_room_still_takes_what_its_creator_sends(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let bob = world.user("bob").await;
    bob.post(&format!("/join/{room}"), json!({})).await;

    let path = format!("/rooms/{room}/upgrade");
    let upgraded = ann.post(&path, json!({ "new_version": "11" })).await;

    let tombstone = bob
        .get(&format!("/rooms/{room}/state/m.room.tombstone"))
        .await;
    assert_eq!(
        tombstone.text("replacement_room"),
        upgraded.text("replacement_room")
    );
    assert_eq!(ann.text(&room, "creator", "x").await.status, 200);
    let member = bob.text(&room, "member", "x").await;
    assert_eq!(member.refusal(), (403, "M_FORBIDDEN"));
}

pub(crate) async fn the_same_state_again_is_no_new_event(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let mut ids = Vec::new();
    for topic in ["a", "a", "b", "a"] {
        let path = format!("/rooms/{room}/state/m.room.topic");
        ids.push(
            ann.put(&path, json!({ "topic": topic }))
                .await
                .text("event_id"),
        );
    }

    assert_eq!(ids[0], ids[1]);
    assert!(ids[1] != ids[2] && ids[2] != ids[3] && ids[0] != ids[3]);
}

pub(crate) async fn a_dead_token_says_whether_a_refresh_helps(world: &mut World) {
    let (ann, room) = ann_in_a_room(world).await;
    let nobody = ann.with_token("garbage");
    let blank = ann.with_token("");
    let leaving = world.log_in("ann", "LEAVING").await;
    leaving.post("/logout", json!({})).await;

    for dead in [&nobody, &leaving] {
        let got = dead.text(&room, "t", "x").await;
        assert_eq!(got.refusal(), (401, "M_UNKNOWN_TOKEN"));
        assert_eq!(got.body["soft_logout"], false);
    }
    assert_eq!(
        blank.text(&room, "t", "x").await.refusal(),
        (401, "M_MISSING_TOKEN")
    );
    assert_eq!(ann.text(&room, "t", "x").await.status, 200);
}

pub(crate) async fn to_device_events_may_be_no_canonical_json(world: &mut World) {
    let (ann, _room) = ann_in_a_room(world).await;
    let device = ann.account.device_id.clone().unwrap();
    let odd = json!({ "float": 1.5, "nul": "\u{0}" });
    let body = json!({ "messages": { ann.user(): { device: odd.clone() } } });

    let sent = ann.put("/sendToDevice/org.example.odd/t1", body).await;
    let synced = ann.sync(None).await;

    assert_eq!(sent.status, 200);
    let received: &Value = &synced.body["to_device"]["events"][0]["content"];
    assert_eq!(received, &odd);
}
