//! R11: what an operator reads after some traffic.

use serde_json::json;

use crate::load::ask;
use crate::until::until;
use crate::world::{World, joined, room};

#[tokio::test]
async fn metrics_and_health_tell_what_has_happened() {
    let world = World::shared("observation");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let mut router = world.setup(&bot).room(&room, "active").start().await;
    joined(&ann, &room, &bot.user_id).await;

    for number in 0..5 {
        ask(&ann, &room, &bot.user_id, &number.to_string()).await;
    }
    ann.say(&room, "!fail").await.unwrap();
    router
        .until_metric("matrix_parked_total{reason=\"handler\"}", 1.0)
        .await;
    ask(&ann, &room, &bot.user_id, "last").await;

    // The join, six answers, and what the failure said.
    router.until_metric("matrix_send_success_total", 8.0).await;
    assert_eq!(router.metric("matrix_send_success_total").await, 8.0);
    assert!(router.metric("matrix_sync_events_received_total").await >= 7.0);
    assert!(router.metric("matrix_handler_seconds_count").await >= 7.0);
    for quiet in ["matrix_duplicate_events_total", "matrix_rate_limited_total"] {
        assert_eq!(router.metric(quiet).await, 0.0, "{quiet}");
    }
    // Settled a moment after the answer is there.
    until("an empty outbox", async || {
        (router.metric("matrix_outbox_depth").await == 0.0).then_some(())
    })
    .await;
    let scrape = router.get("/metrics").await;
    assert!(
        scrape
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        scrape.head
    );
    let answer = router.get("/healthz").await;
    let health = answer.json();
    assert_eq!(
        (answer.status, &health["status"], &health["reasons"]),
        (200, &json!("ok"), &json!([]))
    );
    assert!(health["last_sync"].is_number(), "{health}");
    assert_eq!(health["outbox_waiting"], 0);
    let parked = router.until_logged("asked to fail").await;
    assert!(!router.log().contains(&bot.access_token), "{parked}");
    assert!(router.stop().await.success());
}
