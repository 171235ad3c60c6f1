//! Access tokens that run out, and refresh tokens.

use std::time::Duration;

use serde_json::json;

use super::world::World;
use crate::client::{Client, Got};

/// A login of ann on a device of that id, with the refresh token.
async fn log_in(world: &World, device: &str) -> (Client, String) {
    let got = world.ask_to_log_in("ann", device, true).await;
    (world.client(&got), got.text("refresh_token"))
}

async fn refresh(world: &World, token: &str) -> Got {
    world
        .ask("/refresh", &json!({ "refresh_token": token }))
        .await
}

pub(crate) async fn a_refresh_keeps_the_device_and_its_transaction_ids(world: &mut World) {
    world.user("ann").await;
    let (before, token) = log_in(world, "PHONE").await;
    let room = before.room(&json!({})).await;
    let first = before.text(&room, "same", "x").await;

    let refreshed = refresh(world, &token).await;
    let after = before.with_token(&refreshed.text("access_token"));
    let again = after.text(&room, "same", "x").await;

    assert_eq!(
        (again.status, again.text("event_id")),
        (200, first.text("event_id"))
    );
    let whoami = after.get("/account/whoami").await;
    assert_eq!(whoami.text("device_id"), "PHONE");
    assert_ne!(refreshed.text("refresh_token"), token);
    assert!(refreshed.body["expires_in_ms"].as_u64().is_some());
}

pub(crate) async fn a_refresh_token_is_good_until_what_it_gave_is_used(world: &mut World) {
    world.user("ann").await;
    let (before, token) = log_in(world, "PHONE").await;

    // The answer to the first refresh is lost.
    assert_eq!(refresh(world, &token).await.status, 200);
    let second = refresh(world, &token).await;
    assert_eq!(second.status, 200);
    assert_eq!(before.get("/account/whoami").await.status, 200);
    let after = before.with_token(&second.text("access_token"));
    assert_eq!(after.get("/account/whoami").await.status, 200);

    assert_eq!(refresh(world, &token).await.refusal(), (403, "M_FORBIDDEN"));
    // The older access token lives on until it runs out.
    assert_eq!(before.get("/account/whoami").await.status, 200);
    assert_eq!(
        refresh(world, "nonsense").await.refusal(),
        (401, "M_UNKNOWN_TOKEN")
    );
}

pub(crate) async fn an_expired_token_asks_for_a_refresh(world: &mut World) {
    world.user("ann").await;
    let lasting = world.log_in("ann", "PHONE").await;
    let room = lasting.room(&json!({})).await;
    let first = lasting.text(&room, "same", "x").await;
    let (before, token) = log_in(world, "PHONE").await;

    // Tokens of this server hold for two seconds.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let refused = before.text(&room, "same", "x").await;
    let refreshed = refresh(world, &token).await;
    let after = before.with_token(&refreshed.text("access_token"));
    let again = after.text(&room, "same", "x").await;

    assert_eq!(refused.refusal(), (401, "M_UNKNOWN_TOKEN"));
    assert_eq!(refused.body["soft_logout"], true);
    assert_eq!(
        (again.status, again.text("event_id")),
        (200, first.text("event_id"))
    );
}
