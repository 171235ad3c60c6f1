//! R12: what an administrator may do to the bot's account during the run.

use serde_json::{Value, json};

use crate::http;
use crate::load::{all_are_answered_once_in_order, ask};
use crate::until::until;
use crate::world::{World, joined, room};

#[tokio::test]
async fn a_locked_account_goes_on_by_itself_when_it_is_unlocked() {
    let path = |user: &str| format!("/_synapse/admin/v2/users/{user}");
    let held = Held {
        name: "locked",
        path,
        begin: json!({ "locked": true }),
        end: json!({ "locked": false }),
        advice: "administrator to unlock the account",
    };
    held.loses_nothing().await;
}

#[tokio::test]
async fn a_suspended_account_goes_on_by_itself_when_it_may_speak_again() {
    let path = |user: &str| format!("/_synapse/admin/v1/suspend/{user}");
    let held = Held {
        name: "suspended",
        path,
        begin: json!({ "suspend": true }),
        end: json!({ "suspend": false }),
        advice: "administrator to lift the suspension",
    };
    held.loses_nothing().await;
}

#[tokio::test]
async fn a_deactivated_account_is_told_and_the_bot_stays_up() {
    let world = World::shared("deactivated");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let router = world.setup(&bot).room(&room, "active").start().await;
    joined(&ann, &room, &bot.user_id).await;
    ask(&ann, &room, &bot.user_id, "before").await;
    let admin = world.administrator().await;

    let path = format!("/_synapse/admin/v1/deactivate/{}", bot.user_id);
    let answer = http::ask(
        world.base_url(),
        "POST",
        &path,
        Some(&admin),
        Some(&json!({})),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let advice = "a login tells whether the account is deactivated";
    until("health says what may be the matter", async || {
        let answer = router.get("/healthz").await;
        (answer.status == 503 && answer.body.contains(advice)).then_some(())
    })
    .await;
    assert!(router.stop().await.success());
}

/// What an administrator does to an account, and undoes.
struct Held {
    name: &'static str,
    path: fn(&str) -> String,
    begin: Value,
    end: Value,
    advice: &'static str,
}

impl Held {
    async fn loses_nothing(self) {
        let world = World::shared(self.name);
        let (ann, bot) = (world.person("ann").await, world.account("bot").await);
        let room = room(&ann, &[&bot.user_id]).await;
        let router = world.setup(&bot).room(&room, "active").start().await;
        joined(&ann, &room, &bot.user_id).await;
        ask(&ann, &room, &bot.user_id, "before").await;
        let admin = world.administrator().await;
        let set = async |body: &Value| {
            let path = (self.path)(&bot.user_id);
            let answer = http::ask(world.base_url(), "PUT", &path, Some(&admin), Some(body)).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        };

        set(&self.begin).await;
        ann.say(&room, "!echo during").await.unwrap();
        until("health says what to do", async || {
            let answer = router.get("/healthz").await;
            let is_told = answer.status == 503 && answer.body.contains(self.advice);
            is_told.then_some(())
        })
        .await;
        set(&self.end).await;

        let bot = &bot.user_id;
        ask(&ann, &room, bot, "after").await;
        let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), bot).await;
        assert_eq!(answered, 3);
        until("health is good again", async || {
            (router.get("/healthz").await.status == 200).then_some(())
        })
        .await;
        assert!(router.stop().await.success());
    }
}
