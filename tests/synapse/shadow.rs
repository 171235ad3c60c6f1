//! R7: in shadow mode the homeserver sees no write, and what would have been said is on record.

use matrix_bridge_testkit::person::Person;
use matrix_bridge_testkit::synapse::Account;
use serde_json::{Value, json};

use crate::http;
use crate::load::ask;
use crate::router::{self, Router};
use crate::said::{Said, said, texts, until_said};
use crate::setup::Setup;
use crate::until::until;
use crate::world::{World, room};

/// Joins as another program of the account would have done. Returns how many requests the account has made once
/// they are all in the access log.
async fn join(world: &World, bot: &Account, rooms: &[String]) -> usize {
    for room in rooms {
        let path = format!("/_matrix/client/v3/join/{}", room.replace('!', "%21"));
        let token = Some(bot.access_token.as_str());
        let answer = http::ask(world.base_url(), "POST", &path, token, Some(&json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    until("the joins in the access log", async || {
        let count = world.requests_of(&bot.user_id).len();
        (count == rooms.len()).then_some(count)
    })
    .await
}

/// Asks everything that the bot can be asked, in two rooms. Returns how many answers are due in each.
async fn ask_everything(ann: &Person, rooms: &[String; 2]) -> usize {
    for room in rooms {
        let root = ann.say(room, "a topic").await.unwrap();
        for text in ["!ping", "!echo plain", "!fail", "!echo", "not for the bot"] {
            ann.say(room, text).await.unwrap();
        }
        ann.thread(room, &root, "!echo in a thread", None)
            .await
            .unwrap();
        ann.reply(room, &root, "!echo a reply").await.unwrap();
    }
    6
}

/// What `--shadow-report` says of a room, beside the running bot.
async fn report(setup: &Setup, room: &str) -> Vec<Said> {
    let output = router::output(&["--shadow-report"], setup.path()).await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_room = lines.filter(|line| line["room"] == room && line["action"] == "send");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    of_room
        .map(|line| Said {
            body: text(&line["body"]).unwrap(),
            in_reply_to: text(&line["in_reply_to"]),
            thread: text(&line["thread"]),
        })
        .collect()
}

#[tokio::test]
async fn shadow_mode_writes_nothing_and_records_what_an_active_bot_says() {
    let world = World::shared("shadow");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let guests = [bot.user_id.as_str()];
    let rooms = [room(&ann, &guests).await, room(&ann, &guests).await];
    let invite = room(&ann, &guests).await;
    let before = join(&world, &bot, &rooms).await;
    let listed = world.setup(&bot).active(&rooms).room(&invite, "active");
    let shadow = listed.clone().mode("shadow");

    let router = shadow.start().await;
    synced(&router).await;
    let due = ask_everything(&ann, &rooms).await;
    let mut recorded = Vec::new();
    for room in &rooms {
        recorded.push(
            until("all answers on record", async || {
                let recorded = report(&shadow, room).await;
                (recorded.len() == due).then_some(recorded)
            })
            .await,
        );
    }
    assert!(router.stop().await.success());

    let requests = world.requests_of(&bot.user_id).split_off(before);
    assert!(
        requests
            .iter()
            .any(|request| request.path.contains("/sync"))
    );
    let writes: Vec<_> = requests
        .iter()
        .filter(|request| request.is_write())
        .collect();
    assert!(writes.is_empty(), "{writes:?}");

    // What was recorded stays a record, whatever the mode is later.
    let router = listed.clone().start().await;
    ask(&ann, &rooms[0], &bot.user_id, "later").await;
    assert_eq!(texts(&ann, &rooms[0], &bot.user_id).await, ["later"]);
    assert_eq!(said(&ann, &rooms[1], &bot.user_id).await, []);
    assert!(router.stop().await.success());

    // The same questions, to a bot that has nothing on record.
    let active = listed.store(world.path("active.db")).history(50);
    let router = active.start().await;
    for (room, recorded) in rooms.iter().zip(recorded) {
        // One more was asked in the first room. Both stores answer it, under the same transaction id: once.
        let more = usize::from(*room == rooms[0]);
        let mut answered = until_said(&ann, room, &bot.user_id, due + more).await;
        answered.retain(|said| said.body != "later");
        assert_eq!(recorded, answered);
    }
    assert!(router.stop().await.success());
}

/// Waits until the bot has seen where its rooms stand: from then on questions are new.
async fn synced(router: &Router) {
    until("the first sync", async || {
        let health = router.get("/healthz").await.json();
        health["last_sync"].is_number().then_some(())
    })
    .await;
}
