//! The handle: waiting, the log, outages and people.

use std::time::Duration;

use http::Method;
use matrix_bridge_client::{Limits, Transport as _, TransportError};
use matrix_bridge_testkit::homeserver::{Endpoint, HomeserverConfig, NotReached, TestHomeserver};
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Client, alice_in_a_room, request, somebody};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_by_the_change_itself() {
    let (server, alice, room) = alice_in_a_room();
    let (sender, target) = (alice.clone(), room.clone());
    tokio::spawn(async move {
        tokio::time::sleep(3 * SECOND).await;
        sender.text(&target, "t1", "x").await;
    });
    let start = Instant::now();

    let reached = server
        .wait_for(|server| server.events_under("t1") == 1, 60 * SECOND)
        .await;

    assert_eq!((reached, start.elapsed()), (Ok(()), 3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gives_up_at_its_timeout() {
    let (server, ..) = alice_in_a_room();

    let reached = server.wait_for(|_| false, 60 * SECOND).await;

    assert_eq!(reached, Err(NotReached(60 * SECOND)));
}

#[tokio::test]
async fn the_log_tells_requests_in_order() {
    let (server, alice, room) = alice_in_a_room();
    alice.sync(None).await;
    alice.text(&room, "t1", "x").await;
    alice
        .post(&format!("/user/{}/filter", alice.user()), json!({}))
        .await;
    alice.text("!no", "t2", "x").await;

    let endpoints: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.endpoint)
        .collect();
    let writes = server.writes();

    assert_eq!(
        endpoints,
        [
            Endpoint::Sync,
            Endpoint::Send,
            Endpoint::PutFilter,
            Endpoint::Send
        ]
    );
    let told: Vec<_> = writes
        .iter()
        .map(|w| (w.room.as_deref(), w.status))
        .collect();
    assert_eq!(told, [(Some(&*room), Some(200)), (Some("!no"), Some(403))]);
    assert_eq!(writes[0].transaction_id.as_deref(), Some("t1"));
    assert_eq!(writes[0].user.as_deref(), Some(alice.user()));
    assert_eq!(writes[0].device, alice.account.device_id);
    server.clear_requests();
    assert!(server.writes().is_empty());
}

#[tokio::test]
async fn the_log_is_bounded() {
    let server = TestHomeserver::with_config(HomeserverConfig::default().log_capacity(2));
    let alice = Client::new(&server, server.register("alice"));
    for _ in 0..5 {
        alice.get("/joined_rooms").await;
    }

    let numbers: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.number)
        .collect();

    assert_eq!(numbers, [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_cuts_what_is_open_and_keeps_what_is_stored() {
    let (server, alice, room) = alice_in_a_room();
    alice.text(&room, "t1", "x").await;
    let since = alice.position().await;
    let poller = alice.clone();
    let path = format!("/sync?since={since}&timeout=30000");
    let poll = tokio::spawn(async move { poller.attempt(Method::GET, &path, "").await });
    tokio::time::sleep(SECOND).await;

    server.restart();

    assert!(matches!(poll.await.unwrap(), Err(TransportError::Cut(_))));
    assert_eq!(server.bodies_in(&room), ["x"]);
    assert_eq!(alice.sync(Some(&since)).await.status, 200);
}

#[tokio::test]
async fn a_server_that_is_down_refuses_connections() {
    let (server, alice, _) = alice_in_a_room();

    server.go_down();
    let down = alice.attempt(Method::GET, "/joined_rooms", "").await;
    server.come_up();
    let up = alice.get("/joined_rooms").await;

    assert!(matches!(down, Err(TransportError::Connect(_))));
    assert_eq!(up.status, 200);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_transport_keeps_to_its_limits() {
    let (server, alice, _) = alice_in_a_room();
    let token = Some(&*alice.account.access_token);
    let short = Limits {
        timeout: SECOND,
        max_response: 10,
    };

    let request = request(Method::GET, "/sync", token, bytes::Bytes::new());
    let result = server.transport().send(request, short).await;

    assert!(matches!(result, Err(TransportError::TooLarge(10))));
}

#[tokio::test]
async fn people_speak_as_clients_would() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let root = server.send_text(&room, alice.user(), "root");

    server.reply(&room, bob.user(), &root, "reply");
    server.send_in_thread(&room, bob.user(), &root, "in thread");
    server.edit(&room, alice.user(), &root, "edited");
    server.react(&room, bob.user(), &root, "+1");

    let timeline = server.timeline(&room);
    let relations: Vec<_> = timeline
        .iter()
        .map(|event| &event.content["m.relates_to"])
        .rev()
        .take(4)
        .collect();
    assert_eq!(relations[3]["m.in_reply_to"]["event_id"], json!(root));
    assert_eq!(relations[2]["rel_type"], "m.thread");
    assert_eq!(relations[1]["rel_type"], "m.replace");
    assert_eq!(relations[0]["key"], "+1");
    assert_eq!(
        server.bodies_in(&room),
        ["root", "reply", "in thread", "* edited"]
    );
}

#[tokio::test]
#[should_panic(expected = "the homeserver refused: 403 Forbidden M_FORBIDDEN")]
async fn a_person_who_may_not_act_fails_the_test() {
    let (server, _, room) = alice_in_a_room();

    server.send_text(&room, "@stranger:testkit.local", "x");
}
