//! Rooms, their aliases and who is in them.

use http::Method;
use matrix_bridge_testkit::homeserver::Membership;
use serde_json::json;

use crate::client::{Client, alice_in_a_room, somebody};

#[tokio::test]
async fn a_room_is_created_as_it_was_asked_for() {
    let (server, alice, _) = alice_in_a_room();
    let request = json!({
        "name": "Name",
        "topic": "Topic",
        "room_alias_name": "here",
        "invite": ["@bob:testkit.local"],
        "preset": "private_chat",
        "room_version": "10",
        "initial_state": [
            { "type": "m.room.encryption", "content": { "algorithm": "m.megolm.v1.aes-sha2" } }
        ],
    });

    let room = alice.post("/createRoom", request).await.text("room_id");

    let kinds: Vec<_> = server
        .timeline(&room)
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            "m.room.create",
            "m.room.member",
            "m.room.power_levels",
            "m.room.join_rules",
            "m.room.history_visibility",
            "m.room.guest_access",
            "m.room.canonical_alias",
            "m.room.encryption",
            "m.room.name",
            "m.room.topic",
            "m.room.member",
        ]
    );
    let create = alice
        .get(&format!("/rooms/{room}/state/m.room.create"))
        .await
        .body;
    assert_eq!(create["room_version"], "10");
    assert_eq!(
        server.membership(&room, "@bob:testkit.local"),
        Some(Membership::Invite)
    );
    let alias = server.look(|server| server.room_of_alias("#here:testkit.local"));
    assert_eq!(alias, Some(room));
}

#[tokio::test]
async fn a_room_that_cannot_be_is_not_created() {
    let (server, alice, _) = alice_in_a_room();
    alice
        .post("/createRoom", json!({ "room_alias_name": "here" }))
        .await;
    let before = server.look(|server| server.room_ids().len());

    for (request, errcode) in [
        (json!({ "room_alias_name": "here" }), "M_ROOM_IN_USE"),
        (json!({ "room_alias_name": "a b" }), "M_INVALID_PARAM"),
        (
            json!({ "room_version": "99" }),
            "M_UNSUPPORTED_ROOM_VERSION",
        ),
        (json!({ "invite": ["bob"] }), "M_INVALID_PARAM"),
    ] {
        assert_eq!(
            alice.post("/createRoom", request).await.refusal(),
            (400, errcode)
        );
    }

    assert_eq!(server.look(|server| server.room_ids().len()), before);
}

#[tokio::test]
async fn the_creator_of_a_version_12_room_stands_above_its_levels() {
    let (_, alice, _) = alice_in_a_room();

    let room = alice
        .post("/createRoom", json!({ "room_version": "12" }))
        .await
        .text("room_id");
    let path = format!("/rooms/{room}/state/m.room.power_levels");
    let levels = alice.get(&path).await.body;
    let change = alice.put(&path, json!({ "events_default": 50 })).await;

    assert!(!room.contains(':'));
    assert_eq!(levels["users"], json!({}));
    assert_eq!(change.status, 200);
}

#[tokio::test]
async fn an_alias_leads_to_one_room_until_it_is_deleted() {
    let (server, alice, room) = alice_in_a_room();
    let bob = Client::new(&server, server.register("bob"));
    let path = "/directory/room/#one:testkit.local";

    assert_eq!(bob.get(path).await.refusal(), (404, "M_NOT_FOUND"));
    assert_eq!(
        bob.put(path, json!({ "room_id": room })).await.refusal(),
        (403, "M_FORBIDDEN")
    );
    assert_eq!(
        alice.put(path, json!({ "room_id": room })).await.status,
        200
    );
    assert_eq!(
        alice.put(path, json!({ "room_id": room })).await.refusal(),
        (409, "M_UNKNOWN")
    );
    assert_eq!(bob.get(path).await.body["room_id"], json!(room));
    let aliases = alice.get(&format!("/rooms/{room}/aliases")).await.body;
    assert_eq!(aliases["aliases"], json!(["#one:testkit.local"]));

    let joined = bob.post("/join/#one:testkit.local", json!({})).await;
    assert_eq!(joined.body["room_id"], json!(room));
    assert_eq!(server.membership(&room, bob.user()), Some(Membership::Join));
    assert_eq!(alice.request(Method::DELETE, path, "").await.status, 200);
    assert_eq!(
        alice.request(Method::DELETE, path, "").await.refusal(),
        (404, "M_NOT_FOUND")
    );
    let foreign = "/directory/room/#one:elsewhere";
    let got = alice.put(foreign, json!({ "room_id": room })).await;
    assert_eq!(got.refusal(), (400, "M_INVALID_PARAM"));
}

#[tokio::test]
async fn a_private_room_takes_in_who_is_invited() {
    let (server, alice, _) = alice_in_a_room();
    let room = server.create_room_with(alice.user(), &json!({}));
    let bob = Client::new(&server, server.register("bob"));
    let join = format!("/rooms/{room}/join");

    assert_eq!(
        bob.post(&join, json!({})).await.refusal(),
        (403, "M_FORBIDDEN")
    );
    let invite = format!("/rooms/{room}/invite");
    assert_eq!(
        alice
            .post(&invite, json!({ "user_id": bob.user() }))
            .await
            .status,
        200
    );
    assert_eq!(bob.post(&join, json!({})).await.status, 200);
    assert_eq!(bob.post(&join, json!({})).await.status, 200);

    let again = alice.post(&invite, json!({ "user_id": bob.user() })).await;
    assert_eq!(again.refusal(), (403, "M_FORBIDDEN"));
    let joins = server
        .timeline(&room)
        .into_iter()
        .filter(|event| event.sender == bob.user());
    assert_eq!(joins.count(), 1);
    let unknown = bob.post("/rooms/!none:testkit.local/join", json!({})).await;
    assert_eq!(unknown.refusal(), (404, "M_UNKNOWN"));
}

#[tokio::test]
async fn members_come_and_go() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let target = json!({ "user_id": bob.user(), "reason": "r" });
    let standing = || server.membership(&room, bob.user());

    assert_eq!(
        bob.post(&format!("/rooms/{room}/leave"), json!({}))
            .await
            .status,
        200
    );
    assert_eq!(standing(), Some(Membership::Leave));
    server.join(&room, bob.user());
    let up = json!({ "user_id": alice.user() });
    let refused = bob.post(&format!("/rooms/{room}/kick"), up).await;
    assert_eq!(refused.refusal(), (403, "M_FORBIDDEN"));
    assert_eq!(
        alice
            .post(&format!("/rooms/{room}/kick"), target.clone())
            .await
            .status,
        200
    );
    assert_eq!(standing(), Some(Membership::Leave));
    assert_eq!(
        alice
            .post(&format!("/rooms/{room}/ban"), target.clone())
            .await
            .status,
        200
    );
    assert_eq!(standing(), Some(Membership::Ban));
    let join = bob.post(&format!("/join/{room}"), json!({})).await;
    assert_eq!(join.refusal(), (403, "M_BAD_STATE"));
    assert_eq!(
        alice
            .post(&format!("/rooms/{room}/unban"), target)
            .await
            .status,
        200
    );
    assert_eq!(standing(), Some(Membership::Leave));
    assert_eq!(
        bob.post(&format!("/join/{room}"), json!({})).await.status,
        200
    );
}

#[tokio::test]
async fn a_room_is_forgotten_only_by_who_left_it() {
    let (server, _, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let (forget, messages) = (
        format!("/rooms/{room}/forget"),
        format!("/rooms/{room}/messages?dir=b"),
    );

    assert_eq!(
        bob.post(&forget, json!({})).await.refusal(),
        (400, "M_UNKNOWN")
    );
    server.leave(&room, bob.user());
    assert_eq!(bob.get(&messages).await.status, 200);
    assert_eq!(bob.post(&forget, json!({})).await.status, 200);

    assert_eq!(bob.get(&messages).await.refusal(), (403, "M_FORBIDDEN"));
}

#[tokio::test]
async fn members_and_rooms_are_listed() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let carol = somebody(&server, "carol", &room);
    server.kick(&room, alice.user(), carol.user());

    let joined = alice
        .get(&format!("/rooms/{room}/joined_members"))
        .await
        .body;
    let names: Vec<_> = joined["joined"].as_object().unwrap().keys().collect();
    assert_eq!(names, [alice.user(), bob.user()]);
    let members = alice
        .get(&format!("/rooms/{room}/members?not_membership=leave"))
        .await
        .body;
    assert_eq!(members["chunk"].as_array().unwrap().len(), 2);
    assert_eq!(
        alice.get("/joined_rooms").await.body["joined_rooms"],
        json!([room])
    );
    assert_eq!(
        carol.get("/joined_rooms").await.body["joined_rooms"],
        json!([])
    );
}

#[tokio::test]
async fn state_is_read_whole_and_in_pieces() {
    let (server, alice, room) = alice_in_a_room();
    server.set_state(
        &room,
        alice.user(),
        "m.room.name",
        "",
        json!({ "name": "n" }),
    );
    let single = format!("/rooms/{room}/state/m.room.name");

    assert_eq!(alice.get(&single).await.body, json!({ "name": "n" }));
    assert_eq!(
        alice.get(&format!("{single}/")).await.body,
        json!({ "name": "n" })
    );
    let event = alice.get(&format!("{single}?format=event")).await.body;
    assert_eq!(event["room_id"], json!(room));
    let whole = alice.get(&format!("/rooms/{room}/state")).await.body;
    assert_eq!(whole.as_array().unwrap().len(), 6);
    let missing = alice
        .get(&format!("/rooms/{room}/state/m.room.topic"))
        .await;
    assert_eq!(missing.refusal(), (404, "M_NOT_FOUND"));
    let bob = Client::new(&server, server.register("bob"));
    assert_eq!(bob.get(&single).await.refusal(), (403, "M_FORBIDDEN"));
}

#[tokio::test]
async fn who_left_sees_the_state_as_it_was() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    server.set_state(
        &room,
        alice.user(),
        "m.room.name",
        "",
        json!({ "name": "old" }),
    );
    server.leave(&room, bob.user());
    server.set_state(
        &room,
        alice.user(),
        "m.room.name",
        "",
        json!({ "name": "new" }),
    );

    let name = bob
        .get(&format!("/rooms/{room}/state/m.room.name"))
        .await
        .body;

    assert_eq!(name, json!({ "name": "old" }));
}

#[tokio::test]
async fn a_member_event_put_as_state_is_a_change_of_membership() {
    let (server, alice, room) = alice_in_a_room();
    let path = format!("/rooms/{room}/state/m.room.member/@bob:testkit.local");

    let invite = alice.put(&path, json!({ "membership": "invite" })).await;
    let join = alice.put(&path, json!({ "membership": "join" })).await;

    assert_eq!(invite.status, 200);
    assert_eq!(join.refusal(), (403, "M_FORBIDDEN"));
    assert_eq!(
        server.membership(&room, "@bob:testkit.local"),
        Some(Membership::Invite)
    );
}

#[tokio::test]
async fn equals_do_not_throw_each_other_out() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let carol = somebody(&server, "carol", &room);
    let levels =
        json!({ "users": { alice.user(): 100, bob.user(): 50, carol.user(): 50 }, "kick": 50 });
    server.set_state(&room, alice.user(), "m.room.power_levels", "", levels);
    let kick = format!("/rooms/{room}/kick");

    let equal = bob.post(&kick, json!({ "user_id": carol.user() })).await;
    let above = alice.post(&kick, json!({ "user_id": carol.user() })).await;

    assert_eq!(equal.refusal(), (403, "M_FORBIDDEN"));
    assert_eq!(above.status, 200);
}
