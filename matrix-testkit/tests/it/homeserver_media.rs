//! Uploads and downloads.

use http::Method;
use matrix_bridge_client::TransportError;
use matrix_bridge_testkit::homeserver::{HomeserverConfig, TestHomeserver};

use crate::client::{Client, alice_in_a_room};

#[tokio::test]
async fn what_is_uploaded_is_downloaded() {
    let (server, alice, _) = alice_in_a_room();
    let path = "/_matrix/media/v3/upload?filename=a.txt";

    let uri = alice
        .request(Method::POST, path, "content")
        .await
        .text("content_uri");
    let id = uri.strip_prefix("mxc://").unwrap();
    let got = alice
        .get(&format!("/_matrix/client/v1/media/download/{id}"))
        .await;

    assert_eq!(got.response.body(), "content");
    assert_eq!(
        got.response.headers()["content-disposition"],
        r#"inline; filename="a.txt""#
    );
    assert_eq!(
        server.look(|server| server.uploaded(&uri)).unwrap(),
        "content"
    );
    let unknown = alice
        .get("/_matrix/client/v1/media/download/testkit.local/no")
        .await;
    assert_eq!(unknown.refusal(), (404, "M_NOT_FOUND"));
}

#[tokio::test]
async fn a_place_is_filled_once_by_its_owner() {
    let (server, alice, _) = alice_in_a_room();
    let bob = Client::new(&server, server.register("bob"));

    let created = alice
        .request(Method::POST, "/_matrix/media/v1/create", "")
        .await;
    let uri = created.text("content_uri");
    let id = uri.strip_prefix("mxc://").unwrap();
    let (upload, download) = (
        format!("/_matrix/media/v3/upload/{id}"),
        format!("/_matrix/client/v1/media/download/{id}"),
    );

    assert_eq!(
        alice.get(&download).await.refusal(),
        (504, "M_NOT_YET_UPLOADED")
    );
    assert_eq!(
        bob.request(Method::PUT, &upload, "x").await.refusal(),
        (403, "M_FORBIDDEN")
    );
    assert_eq!(alice.request(Method::PUT, &upload, "x").await.status, 200);
    let again = alice.request(Method::PUT, &upload, "y").await;
    assert_eq!(again.refusal(), (409, "M_CANNOT_OVERWRITE_MEDIA"));
    assert_eq!(alice.get(&download).await.response.body(), "x");
}

#[tokio::test]
async fn the_sixth_open_place_is_refused_for_a_day() {
    let (_, alice, _) = alice_in_a_room();
    for _ in 0..5 {
        alice
            .request(Method::POST, "/_matrix/media/v1/create", "")
            .await;
    }

    let sixth = alice
        .request(Method::POST, "/_matrix/media/v1/create", "")
        .await;

    assert_eq!(sixth.refusal(), (429, "M_LIMIT_EXCEEDED"));
    assert!(sixth.body["retry_after_ms"].as_u64().unwrap() > 86_000_000);
}

#[tokio::test]
async fn a_body_above_the_limit_cuts_the_connection() {
    let server = TestHomeserver::with_config(HomeserverConfig::default().max_upload(10));
    let alice = Client::new(&server, server.register("alice"));

    let config = alice.get("/_matrix/client/v1/media/config").await.body;
    let fits = alice
        .request(Method::POST, "/_matrix/media/v3/upload", "0123456789")
        .await;
    let cut = alice
        .attempt(Method::POST, "/_matrix/media/v3/upload", "0123456789+")
        .await;

    assert_eq!(config["m.upload.size"], 10);
    assert_eq!(fits.status, 200);
    assert!(matches!(cut, Err(TransportError::Cut(_))));
}
