//! Accounts, logins, profiles, and what the server says of itself.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use matrix_bridge_client::Transport as _;
use matrix_bridge_testkit::homeserver::{Account, HomeserverConfig, TestHomeserver};
use serde_json::{Value, json};

use crate::client::{Client, Got, LIMITS, alice_in_a_room, got, request, somebody, synced};

async fn anonymous(server: &TestHomeserver, method: Method, path: &str, body: &Value) -> Got {
    let request = request(method, path, None, Bytes::from(body.to_string()));
    got(server.transport().send(request, LIMITS).await.unwrap())
}

fn account(got: &Got) -> Account {
    Account {
        user_id: got.text("user_id"),
        device_id: Some(got.text("device_id")),
        access_token: got.text("access_token"),
    }
}

#[tokio::test]
async fn a_registration_gives_a_user_a_device_and_a_token() {
    let server = TestHomeserver::new();
    let body = json!({ "username": "alice", "password": "p", "device_id": "D" });

    let registered = anonymous(&server, Method::POST, "/register", &body).await;
    let again = anonymous(&server, Method::POST, "/register", &body).await;
    let alice = Client::new(&server, account(&registered));
    let whoami = alice.get("/account/whoami").await.body;

    assert_eq!(
        whoami,
        json!({ "user_id": "@alice:testkit.local", "device_id": "D", "is_guest": false })
    );
    assert_eq!(again.refusal(), (400, "M_USER_IN_USE"));
    let odd = json!({ "username": "_x", "password": "p" });
    let odd = anonymous(&server, Method::POST, "/register", &odd).await;
    assert_eq!(odd.refusal(), (400, "M_INVALID_USERNAME"));
}

#[tokio::test]
async fn a_registration_may_need_the_dummy_stage() {
    let server = TestHomeserver::with_config(HomeserverConfig::default().asks_for_dummy_auth());
    let mut body = json!({ "username": "alice", "password": "p" });

    let asked = anonymous(&server, Method::POST, "/register", &body).await;
    body["auth"] = json!({ "type": "m.login.dummy", "session": asked.text("session") });
    let done = anonymous(&server, Method::POST, "/register", &body).await;

    assert_eq!(asked.status, 401);
    assert_eq!(
        asked.body["flows"],
        json!([{ "stages": ["m.login.dummy"] }])
    );
    assert_eq!(done.status, 200);
}

#[tokio::test]
async fn a_login_keeps_the_device_and_the_older_token() {
    let server = TestHomeserver::new();
    let alice = Client::new(&server, server.register("alice"));
    let device = alice.account.device_id.clone().unwrap();
    let body = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": "alice" },
        "password": "alice",
        "device_id": device,
    });

    let logged_in = anonymous(&server, Method::POST, "/login", &body).await;

    assert_eq!(logged_in.text("device_id"), device);
    assert_ne!(logged_in.text("access_token"), alice.account.access_token);
    assert_eq!(alice.get("/account/whoami").await.status, 200);
    let mut wrong = body.clone();
    wrong["password"] = json!("wrong");
    let refused = anonymous(&server, Method::POST, "/login", &wrong).await;
    assert_eq!(refused.refusal(), (403, "M_FORBIDDEN"));
    let flows = anonymous(&server, Method::GET, "/login", &json!({})).await;
    assert_eq!(flows.body["flows"][0]["type"], "m.login.password");
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_on_the_same_device() {
    let server = TestHomeserver::new();
    let body = json!({ "username": "alice", "password": "p", "refresh_token": true });
    let registered = anonymous(&server, Method::POST, "/register", &body).await;
    let alice = Client::new(&server, account(&registered));
    let refresh = json!({ "refresh_token": registered.text("refresh_token") });

    server.expire(&alice.account.access_token);
    let expired = alice.get("/account/whoami").await;
    let refreshed = anonymous(&server, Method::POST, "/refresh", &refresh).await;
    let fresh = Account {
        access_token: refreshed.text("access_token"),
        ..alice.account
    };
    let whoami = Client::new(&server, fresh).get("/account/whoami").await;

    assert_eq!(expired.refusal(), (401, "M_UNKNOWN_TOKEN"));
    assert_eq!(expired.body["soft_logout"], true);
    assert_eq!(whoami.text("device_id"), registered.text("device_id"));
    let twice = anonymous(&server, Method::POST, "/refresh", &refresh).await;
    assert_eq!(twice.refusal(), (403, "M_FORBIDDEN"));
    let unknown = json!({ "refresh_token": "x" });
    let unknown = anonymous(&server, Method::POST, "/refresh", &unknown).await;
    assert_eq!(unknown.refusal(), (401, "M_UNKNOWN_TOKEN"));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_stays_good_until_what_it_gave_is_used() {
    let server = TestHomeserver::new();
    server.set_token_lifetime(Duration::from_secs(10));
    let (bot, refresh) = server.log_in_refreshable("@bot:testkit.local", "D");
    let refresh = json!({ "refresh_token": refresh });
    let whoami = async |token: &str| {
        let account = Account {
            access_token: token.to_owned(),
            ..bot.clone()
        };
        Client::new(&server, account).get("/account/whoami").await
    };

    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(
        whoami(&bot.access_token).await.body["soft_logout"],
        json!(true)
    );
    let lost = anonymous(&server, Method::POST, "/refresh", &refresh).await;
    let kept = anonymous(&server, Method::POST, "/refresh", &refresh).await;

    assert_eq!(kept.body["expires_in_ms"], 10_000);
    let dead = whoami(&lost.text("access_token")).await;
    assert_eq!(dead.refusal(), (401, "M_UNKNOWN_TOKEN"));
    assert_eq!(whoami(&kept.text("access_token")).await.status, 200);
    let used = anonymous(&server, Method::POST, "/refresh", &refresh).await;
    assert_eq!(used.refusal(), (403, "M_FORBIDDEN"));
    let old = whoami(&bot.access_token).await;
    assert_eq!(old.body["soft_logout"], true);
}

#[tokio::test]
async fn a_logout_ends_one_token_or_all() {
    let server = TestHomeserver::new();
    let clients = ["A", "B", "C"]
        .map(|device| Client::new(&server, server.log_in("@alice:testkit.local", device)));
    let [a, b, c] = &clients;

    a.post("/logout", json!({})).await;
    assert_eq!(
        a.get("/account/whoami").await.refusal(),
        (401, "M_UNKNOWN_TOKEN")
    );
    assert_eq!(b.get("/account/whoami").await.status, 200);
    b.post("/logout/all", json!({})).await;

    assert_eq!(c.get("/account/whoami").await.body["soft_logout"], false);
}

#[tokio::test]
async fn a_request_is_refused_for_its_token_or_its_user() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let missing = anonymous(&server, Method::GET, "/account/whoami", &json!({})).await;
    assert_eq!(missing.refusal(), (401, "M_MISSING_TOKEN"));
    let mut garbage = alice.account.clone();
    garbage.access_token = "garbage".to_owned();
    let garbage = Client::new(&server, garbage).get("/account/whoami").await;
    assert_eq!(garbage.refusal(), (401, "M_UNKNOWN_TOKEN"));

    server.lock_user(bob.user());
    let locked = bob.get("/account/whoami").await;
    assert_eq!(locked.refusal(), (401, "M_USER_LOCKED"));
    assert_eq!(locked.body["soft_logout"], true);
    server.suspend_user(bob.user());
    assert_eq!(
        bob.text(&room, "t", "x").await.refusal(),
        (403, "M_USER_SUSPENDED")
    );
    assert_eq!(bob.sync(None).await.status, 200);
    server.restore_user(bob.user());
    assert_eq!(bob.text(&room, "t", "x").await.status, 200);
    server.deactivate_user(bob.user());
    let deactivated = bob.get("/account/whoami").await;
    assert_eq!(deactivated.refusal(), (401, "M_UNKNOWN_TOKEN"));
    assert_eq!(deactivated.body["soft_logout"], false);
    server.revoke(&alice.account.access_token);
    assert_eq!(
        alice.get("/account/whoami").await.refusal(),
        (401, "M_UNKNOWN_TOKEN")
    );
}

#[tokio::test]
async fn a_token_may_come_in_the_query_and_is_not_logged() {
    let (server, alice, _) = alice_in_a_room();
    let path = format!(
        "/account/whoami?a=b&access_token={}",
        alice.account.access_token
    );

    let got = anonymous(&server, Method::GET, &path, &json!({})).await;

    assert_eq!(got.status, 200);
    assert_eq!(server.requests()[0].query, "a=b");
    assert!(!format!("{:?}", alice.account).contains("syt_"));
}

#[tokio::test]
async fn a_new_name_is_a_new_member_event_in_every_room() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let since = bob.position().await;
    let profile = format!("/profile/{}", alice.user());

    let named = alice
        .put(
            &format!("{profile}/displayname"),
            json!({ "displayname": "Alice" }),
        )
        .await;
    alice
        .put(
            &format!("{profile}/avatar_url"),
            json!({ "avatar_url": "mxc://a/b" }),
        )
        .await;
    let synced = bob.sync(Some(&since)).await;

    assert_eq!(named.status, 200);
    let whole = json!({ "displayname": "Alice", "avatar_url": "mxc://a/b" });
    assert_eq!(bob.get(&profile).await.body, whole);
    let name = bob.get(&format!("{profile}/displayname")).await.body;
    assert_eq!(name, json!({ "displayname": "Alice" }));
    let events = &synced.body["rooms"]["join"][&room]["timeline"]["events"];
    assert_eq!(events[1]["content"]["avatar_url"], "mxc://a/b");
    assert_eq!(
        events[1]["unsigned"]["prev_content"]["displayname"],
        "Alice"
    );
    let foreign = bob.put(&format!("{profile}/displayname"), json!({})).await;
    assert_eq!(foreign.refusal(), (403, "M_FORBIDDEN"));
    let nobody = bob.get("/profile/@no:testkit.local").await;
    assert_eq!(nobody.refusal(), (404, "M_NOT_FOUND"));
}

#[tokio::test]
async fn the_server_says_what_it_can() {
    let (server, alice, _) = alice_in_a_room();

    let versions = anonymous(&server, Method::GET, "/_matrix/client/versions", &json!({}))
        .await
        .body;
    let capabilities = alice.get("/capabilities").await.body;

    assert!(
        versions["versions"]
            .as_array()
            .unwrap()
            .contains(&json!("v1.11"))
    );
    assert_eq!(
        capabilities["capabilities"]["m.room_versions"]["default"],
        "11"
    );
}

#[tokio::test]
async fn an_unknown_path_is_404_and_an_unknown_method_405() {
    let (server, alice, _) = alice_in_a_room();

    let path = alice.get("/no/such/thing").await;
    let method = alice.request(Method::DELETE, "/sync", "").await;
    let version = alice.get("/_matrix/client/v1/sync").await;

    assert_eq!(path.refusal(), (404, "M_UNRECOGNIZED"));
    assert_eq!(method.refusal(), (405, "M_UNRECOGNIZED"));
    assert_eq!(version.refusal(), (404, "M_UNRECOGNIZED"));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn account_data_is_kept_and_synced() {
    let (server, alice, room) = alice_in_a_room();
    let bob = somebody(&server, "bob", &room);
    let since = alice.position().await;
    let user = alice.user();
    let (global, local) = (
        format!("/user/{user}/account_data/m.direct"),
        format!("/user/{user}/rooms/{room}/account_data/m.tag"),
    );

    alice.put(&global, json!({ "a": 1 })).await;
    alice.put(&local, json!({ "b": 2 })).await;
    let got = alice.sync(Some(&since)).await;

    assert_eq!(alice.get(&global).await.body, json!({ "a": 1 }));
    assert_eq!(alice.get(&local).await.body, json!({ "b": 2 }));
    assert_eq!(got.body["account_data"]["events"][0]["type"], "m.direct");
    let in_room = &got.body["rooms"]["join"][&room]["account_data"]["events"];
    assert_eq!(in_room[0]["content"], json!({ "b": 2 }));
    assert!(synced(&got, &room).is_empty());
    assert_eq!(bob.get(&global).await.refusal(), (403, "M_FORBIDDEN"));
    let missing = alice.get(&format!("/user/{user}/account_data/none")).await;
    assert_eq!(missing.refusal(), (404, "M_NOT_FOUND"));
}
