//! The state machine itself, without a front.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use matrix_bridge_testkit::homeserver::{Answer, Homeserver, HomeserverConfig, Outcome};
use serde_json::json;

use crate::client::{Got, got, request};

const SECOND: Duration = Duration::from_secs(1);

fn answered(outcome: Outcome) -> Got {
    got(outcome.into_response().expect("an answer"))
}

fn registered(server: &mut Homeserver) -> String {
    let body = json!({ "username": "alice", "password": "p" }).to_string();
    let registration = request(Method::POST, "/register", None, Bytes::from(body));
    answered(server.handle(&registration, Duration::ZERO)).text("access_token")
}

#[test]
fn time_is_an_argument() {
    let mut server = Homeserver::new(HomeserverConfig::default().epoch(100 * SECOND));
    let token = registered(&mut server);

    let creation = request(Method::POST, "/createRoom", Some(&token), Bytes::from("{}"));
    let created = answered(server.handle(&creation, 5 * SECOND));

    let room = created.text("room_id");
    assert_eq!(server.timeline(&room)[0].origin_server_ts, 105_000);
    assert_eq!(
        created.response.headers()["date"],
        "Thu, 01 Jan 1970 00:01:45 GMT"
    );
    assert_eq!(server.requests()[1].at, 5 * SECOND);
}

#[test]
fn a_long_poll_waits_for_news_or_its_deadline() {
    let mut server = Homeserver::new(HomeserverConfig::default());
    let token = registered(&mut server);
    let sync = |query: &str| {
        request(
            Method::GET,
            &format!("/sync?{query}"),
            Some(&token),
            Bytes::new(),
        )
    };
    let since = answered(server.handle(&sync(""), Duration::ZERO)).text("next_batch");

    let poll = sync(&format!("since={since}&timeout=30000"));
    let Outcome::Wait(waiting) = server.handle(&poll, SECOND) else {
        panic!("no wait")
    };
    assert_eq!(
        (waiting.deadline(), waiting.ends_on_news()),
        (31 * SECOND, true)
    );
    let news = server.news();
    let Outcome::Wait(waiting) = server.resume(*waiting, 2 * SECOND) else {
        panic!("no wait")
    };
    assert_eq!(server.news(), news);
    let creation = request(Method::POST, "/createRoom", Some(&token), Bytes::from("{}"));
    answered(server.handle(&creation, 3 * SECOND));
    assert_ne!(server.news(), news);

    let synced = answered(server.resume(*waiting, 3 * SECOND));
    assert!(synced.body["rooms"]["join"].is_object());
}

#[test]
fn whoever_has_no_token_is_answered_at_once() {
    let mut server = Homeserver::new(HomeserverConfig::default());
    let whoami = request(Method::GET, "/account/whoami", Some("x"), Bytes::new());

    let Outcome::Done { delay, answer } = server.handle(&whoami, Duration::ZERO) else {
        panic!("no answer")
    };

    assert_eq!(delay, Duration::ZERO);
    assert!(matches!(answer, Answer::Whole(response) if response.status() == 401));
}
