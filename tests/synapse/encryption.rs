//! R5: rooms that are encrypted before and during the run.

use matrix_bridge_testkit::person::Person;
use serde_json::json;

use crate::load::ask;
use crate::router;
use crate::said::texts;
use crate::until::until;
use crate::world::{World, joined, room};

const SKIPPED: &str = "matrix_events_skipped_total{reason=\"encrypted\"}";

async fn encrypt(person: &Person, room: &str) {
    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    let set = person.put_state(room, "m.room.encryption", "", &content);
    set.await.unwrap();
}

#[tokio::test]
async fn nothing_is_heard_or_sent_in_rooms_that_are_encrypted_before_or_during_the_run() {
    let world = World::shared("encrypted");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(room(&ann, &[&bot.user_id]).await);
    }
    let [before, during, open] = [&rooms[0], &rooms[1], &rooms[2]];
    encrypt(&ann, before).await;
    let setup = world.setup(&bot).active(&rooms);
    let router = setup.start().await;
    for room in &rooms {
        joined(&ann, room, &bot.user_id).await;
    }

    ann.say(before, "!ping").await.unwrap();
    ask(&ann, during, &bot.user_id, "still open").await;
    // Its answer is decided while the room is open, and due when it no longer is.
    ann.say(during, "!slow 3").await.unwrap();
    until("the slow question is under way", async || {
        (router.metric("matrix_inbox_depth").await >= 1.0).then_some(())
    })
    .await;
    encrypt(&ann, during).await;
    ann.say(during, "!ping").await.unwrap();
    let cipher = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x" });
    ann.send(during, "m.room.encrypted", &cipher).await.unwrap();
    router
        .until_metric("matrix_parked_total{reason=\"encrypted\"}", 1.0)
        .await;
    // What came before it in other rooms has been looked at when it is answered.
    ask(&ann, open, &bot.user_id, "others go on").await;

    assert_eq!(texts(&ann, before, &bot.user_id).await, [""; 0]);
    assert_eq!(texts(&ann, during, &bot.user_id).await, ["still open"]);
    router.until_metric("matrix_encrypted_rooms", 2.0).await;
    // Three messages, and state.
    assert!(router.metric(SKIPPED).await >= 3.0);
    let mut expected =
        [before, during].map(|room| (format!("encrypted_room:{room}"), "degraded".to_owned()));
    expected.sort();
    assert_eq!(router.reasons().await, expected);
    for room in [before, during] {
        assert_eq!(router.logged(&format!("{room} is encrypted")), 1);
    }
    assert!(router.stop().await.success());
    let parked = router::output(&["--parked"], setup.path()).await;
    let parked = String::from_utf8(parked.stdout).unwrap();
    assert_eq!(
        (parked.lines().count(), parked.contains(during)),
        (1, true),
        "{parked}"
    );
}
