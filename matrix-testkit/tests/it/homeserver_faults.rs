//! Every scripted fault of requests, as a client sees it.

use std::time::Duration;

use http::{Method, StatusCode};
use matrix_bridge_client::TransportError;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RateLimitForm};
use tokio::time::Instant;

use crate::client::{Client, LIMITS, alice_in_a_room, got, somebody};

const MESSAGE: &str = r#"{"msgtype":"m.text","body":"x"}"#;
const SECOND: Duration = Duration::from_secs(1);

async fn attempt(
    client: &Client,
    room: &str,
) -> Result<http::Response<bytes::Bytes>, TransportError> {
    let path = format!("/rooms/{room}/send/m.room.message/t1");
    client.attempt(Method::PUT, &path, MESSAGE).await
}

#[tokio::test]
async fn a_doubled_body_is_no_json_and_the_server_has_acted() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::doubled_body());

    let path = format!("/rooms/{room}/send/m.room.message/t1");
    let response = alice.attempt(Method::PUT, &path, MESSAGE).await.unwrap();

    let body = response.body();
    let (first, second) = body.split_at(body.len() / 2);
    assert_eq!((response.status().as_u16(), first), (200, second));
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test]
async fn a_doubled_request_acts_twice_and_a_transaction_id_makes_it_one() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::doubled_request().on(Endpoint::Send));
    server.fault(Fault::doubled_request().on(Endpoint::CreateRoom));

    let sent = alice.text(&room, "t1", "x").await;
    let created = alice.request(Method::POST, "/createRoom", "{}").await;

    assert_eq!((sent.status, created.status), (200, 200));
    assert_eq!(server.bodies_in(&room), ["x"]);
    let joined = alice.get("/joined_rooms").await;
    assert_eq!(joined.body["joined_rooms"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_refused_connection_reaches_nothing() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::refused());

    let result = attempt(&alice, &room).await;

    assert!(matches!(result, Err(TransportError::Connect(_))));
    assert_eq!(server.events_under("t1"), 0);
}

#[tokio::test]
async fn a_cut_comes_before_or_after_the_server_acted() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::cut_before_acting());
    server.fault(Fault::cut_after_acting());

    assert!(matches!(
        attempt(&alice, &room).await,
        Err(TransportError::Cut(_))
    ));
    assert_eq!(server.events_under("t1"), 0);
    assert!(matches!(
        attempt(&alice, &room).await,
        Err(TransportError::Cut(_))
    ));
    assert_eq!(server.events_under("t1"), 1);
    assert_eq!(attempt(&alice, &room).await.unwrap().status(), 200);

    let faults: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.fault)
        .collect();
    assert_eq!(
        faults,
        [Some("cut before acting"), Some("cut after acting"), None]
    );
    assert_eq!(server.faults_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_clients_patience() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::silent_before_acting());
    server.fault(Fault::silent_after_acting());
    let start = Instant::now();

    assert!(matches!(
        attempt(&alice, &room).await,
        Err(TransportError::Timeout(_))
    ));
    assert_eq!(start.elapsed(), LIMITS.timeout);
    assert_eq!(server.events_under("t1"), 0);
    assert!(matches!(
        attempt(&alice, &room).await,
        Err(TransportError::Timeout(_))
    ));
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_has_acted_and_a_late_action_has_not() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::late_reply(3 * SECOND));
    server.fault(Fault::late_action(3 * SECOND));
    let acted_after_a_second = async |txn: &'static str| {
        let (client, room) = (alice.clone(), room.clone());
        let sending = tokio::spawn(async move { client.text(&room, txn, "x").await });
        tokio::time::sleep(SECOND).await;
        let acted = server.events_under(txn) == 1;
        assert_eq!(sending.await.unwrap().status, 200);
        assert_eq!(server.events_under(txn), 1);
        acted
    };

    assert!(acted_after_a_second("reply").await);
    assert!(!acted_after_a_second("action").await);
}

#[tokio::test]
async fn a_429_comes_in_every_form() {
    let (server, alice, room) = alice_in_a_room();
    let (five, header) = (5 * SECOND, "retry-after");
    let cases = [
        (RateLimitForm::BodyOnly(five), Some(5000), None),
        (RateLimitForm::HeaderSeconds(7), None, Some("7")),
        (
            RateLimitForm::HeaderDate(five),
            None,
            Some("Thu, 01 Jan 2026 00:00:05 GMT"),
        ),
        (
            RateLimitForm::Both {
                body: five,
                header_seconds: 6,
            },
            Some(5000),
            Some("6"),
        ),
        (RateLimitForm::NoTime, None, None),
    ];
    for (form, in_body, in_header) in cases {
        server.fault(Fault::rate_limited(form));
        let answer = got(attempt(&alice, &room).await.unwrap());
        assert_eq!(answer.refusal(), (429, "M_LIMIT_EXCEEDED"));
        assert_eq!(answer.body["retry_after_ms"].as_u64(), in_body);
        let in_answer = answer.response.headers().get(header);
        assert_eq!(in_answer.map(|value| value.to_str().unwrap()), in_header);
    }

    server.fault(Fault::rate_limited(RateLimitForm::NotJson(9)));
    let page = attempt(&alice, &room).await.unwrap();
    assert_eq!(
        (page.status().as_u16(), &page.headers()[header]),
        (429, &"9".parse().unwrap())
    );
    assert!(page.body().starts_with(b"<h1>"));
    assert_eq!(server.events_under("t1"), 0);
}

#[tokio::test]
async fn errors_and_pages_take_the_answers_place() {
    let (server, alice, room) = alice_in_a_room();
    let unusual = StatusCode::from_u16(520).unwrap();
    server.fault(Fault::error(StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN"));
    server.fault(Fault::page(StatusCode::BAD_GATEWAY));
    server.fault(Fault::page(unusual));
    server.fault(Fault::page(StatusCode::OK));
    server.fault(Fault::error(StatusCode::GATEWAY_TIMEOUT, "M_UNKNOWN").after_acting());

    let json = got(attempt(&alice, &room).await.unwrap());
    assert_eq!(json.refusal(), (503, "M_UNKNOWN"));
    for status in [502, 520, 200] {
        let page = attempt(&alice, &room).await.unwrap();
        assert_eq!(page.status(), status);
        assert!(page.body().starts_with(b"<!doctype html>"));
    }
    assert_eq!(server.events_under("t1"), 0);
    assert_eq!(attempt(&alice, &room).await.unwrap().status(), 504);
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test]
async fn a_body_may_be_torn_or_half() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(Fault::torn_body());
    server.fault(Fault::half_body());

    assert!(matches!(
        attempt(&alice, &room).await,
        Err(TransportError::Cut(_))
    ));
    let half = attempt(&alice, &room).await.unwrap();

    assert_eq!(half.status(), 200);
    assert!(half.body().starts_with(b"{\"event_id") && !half.body().ends_with(b"}"));
    assert_eq!(server.events_under("t1"), 1);
}

#[tokio::test]
async fn a_token_ends_in_the_middle() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    server.fault(Fault::token_revoked().by(alice.user()).skip(1));
    server.fault(Fault::token_expired().by(bob.user()));

    assert_eq!(alice.text(&room, "t1", "x").await.status, 200);
    let revoked = alice.text(&room, "t2", "x").await;
    let expired = bob.text(&room, "t3", "x").await;

    assert_eq!(
        (revoked.status, &revoked.body["soft_logout"]),
        (401, &false.into())
    );
    assert_eq!(
        (expired.status, &expired.body["soft_logout"]),
        (401, &true.into())
    );
    assert_eq!(bob.sync(None).await.status, 401);
}

#[tokio::test]
async fn a_fault_hits_what_it_is_meant_for() {
    let (server, alice, room) = alice_in_a_room();
    let other = server.create_room(alice.user());
    let bob = somebody(&server, "bob", &room);
    let fault = Fault::page(StatusCode::BAD_GATEWAY).on(Endpoint::Send);
    server.fault(fault.by(alice.user()).in_room(&room).skip(1).times(2));

    assert_eq!(alice.sync(None).await.status, 200);
    assert_eq!(alice.text(&other, "t1", "x").await.status, 200);
    assert_eq!(bob.text(&room, "t1", "x").await.status, 200);
    let mut statuses = Vec::new();
    for number in 0..4 {
        statuses.push(alice.text(&room, &number.to_string(), "x").await.status);
    }

    assert_eq!(statuses, [200, 502, 502, 200]);
}

#[tokio::test]
async fn a_fault_for_ever_lasts_until_it_is_cleared() {
    let (server, alice, room) = alice_in_a_room();
    server.fault(
        Fault::page(StatusCode::BAD_GATEWAY)
            .on(Endpoint::Send)
            .forever(),
    );

    for _ in 0..3 {
        assert_eq!(alice.text(&room, "t1", "x").await.status, 502);
    }
    assert_eq!(server.faults_left(), 1);
    server.clear_faults();

    assert_eq!(alice.text(&room, "t1", "x").await.status, 200);
}
