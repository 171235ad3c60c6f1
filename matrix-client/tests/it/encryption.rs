//! No plaintext into an encrypted room.

use std::time::Duration;

use matrix_bridge_core::{
    Account, Batch, CommitOutcome, Disposition, ListState, NewRow, ParkCode, Row, RowKey,
    StateStore as _,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RateLimit, RateLimitForm};
use serde_json::json;

use crate::{
    disk::Disk,
    limits::counting,
    world::{Setup, World, pass},
};

impl World {
    pub(crate) fn encrypt(&self, room: &str) {
        let content = json!({"algorithm": "m.megolm.v1.aes-sha2"});
        self.server
            .set_state(room, &self.alice.user_id, "m.room.encryption", "", content);
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_encrypted_before_is_neither_heard_nor_answered() {
    let world = World::new();
    let [secret, open] = [world.room(), world.room()];
    world.encrypt(&secret);
    let bot = world.start(Setup::default()).await;

    world.alice_says(&secret, "!ping");
    world.alice_says(&open, "!ping");

    world.until_said(&open, 1).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.said(&secret), [""; 0]);
    assert_eq!(bot.reasons(), [format!("encrypted_room:{secret}")]);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_encrypted_during_the_run_is_not_answered_from_then_on() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;

    world.alice_says(&room, "!slow 60");
    pass(Duration::from_secs(10)).await;
    world.encrypt(&room);
    world.alice_says(&room, "!ping");
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.said(&room), ["pong"]);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::Encrypted);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_waited_out_an_outage_is_not_sent_into_a_room_encrypted_meanwhile() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    // The next answer waits in the outbox, and sync does not come through to tell.
    world.server.fault(
        Fault::refused()
            .on(Endpoint::Send)
            .by(&world.bot.user_id)
            .times(3),
    );
    world.alice_says(&room, "!echo secret");
    pass(Duration::from_millis(100)).await;
    world
        .server
        .fault(Fault::refused().on(Endpoint::Sync).times(20));
    world.server.restart();

    world.encrypt(&room);
    pass(Duration::from_secs(3_600)).await;

    assert_eq!(world.said(&room), ["pong"]);
    assert_eq!(world.rows(ListState::Parked).await.len(), 1);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_start_a_rooms_encryption_is_read_before_the_first_send() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;

    world.alice_says(&room, "!echo one");
    world.alice_says(&room, "!echo two");
    world.until_said(&room, 2).await;

    let (reads, sends) = (world.asked(Endpoint::State), world.asked(Endpoint::Send));
    assert_eq!(reads.len(), 1);
    assert!(reads[0].number < sends[0].number);
    bot.stop().await;
}

/// Who only sends has no source that would tell it of a room that turned encrypted.
#[tokio::test(start_paused = true)]
async fn an_engine_that_stands_by_asks_before_every_message() {
    let world = World::new();
    let room = world.room();
    let follower = world.start(Setup::default()).await;
    let second = world.begin(Setup::default()).await;
    second.until_reason("standby", true).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    let [like] = world.rows(ListState::Sent).await.try_into().unwrap();
    // The account stays with it for a minute yet.
    follower.kill().await;
    enqueue_again(&world, &like, "one").await;
    enqueue_again(&world, &like, "two").await;
    world.until_said(&room, 3).await;

    world.encrypt(&room);
    enqueue_again(&world, &like, "three").await;
    pass(Duration::from_secs(20)).await;

    assert_eq!(world.said(&room).len(), 3);
    assert_eq!(world.only_parked_row().await.code, ParkCode::Encrypted);
    assert!(second.reasons().contains(&"standby".to_owned()));
    second.stop().await;
}

/// Enqueues a row that says the same under another key.
async fn enqueue_again(world: &World, like: &Row, key: &str) {
    let key = RowKey::new(key);
    let row = NewRow {
        transaction_id: key.transaction_id(&like.sender.user),
        key,
        lane: like.lane.clone(),
        sender: like.sender.clone(),
        class: like.class,
        body: like.body.clone(),
        disposition: Disposition::Send,
        created: world.now(),
    };
    let mut batch = Batch::new(Account::from(&*like.sender.user), world.now());
    batch.rows = vec![row];
    let outcome = world.store.commit(batch).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Applied);
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_reading_it_holds_for_every_room() {
    let world = World::new();
    let rooms = [world.room(), world.room(), world.room()];
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(1)).await;
    let wait = RateLimitForm::BodyOnly(Duration::from_secs(30));
    world
        .server
        .fault(Fault::rate_limited(wait).on(Endpoint::State));

    for room in &rooms {
        world.alice_says(room, "!ping");
        pass(Duration::from_secs(5)).await;
    }
    assert_eq!(world.asked(Endpoint::State).len(), 1);

    for room in &rooms {
        assert_eq!(world.until_said(room, 1).await, ["pong"]);
    }
    assert_eq!(world.asked(Endpoint::State).len(), 4);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_the_room_that_was_long_on_its_way_is_out_of_date() {
    let world = World::new();
    let room = world.room();
    let bot = world.start(Setup::default()).await;
    pass(Duration::from_secs(1)).await;
    let slow = Fault::late_reply(Duration::from_secs(5));
    world.server.fault(slow.on(Endpoint::State));
    world.alice_says(&room, "!ping");
    pass(Duration::from_secs(1)).await;

    world.encrypt(&room);
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.server.faults_left(), 0);
    assert_eq!(world.said(&room), [""; 0]);
    assert!(world.asked(Endpoint::Send).is_empty());
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::Encrypted);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_not_sent_into_a_room_encrypted_meanwhile() {
    let world = World::new();
    let room = world.room();
    world.server.exempt_from_limits(&world.alice.user_id);
    let bot = world.start(counting()).await;
    world.server.set_rate_limit(Some(RateLimit::new(10, 0.2)));
    world.alice_says(&room, "!count 30");
    pass(Duration::from_secs(60)).await;
    let said = world.said(&room).len();

    world.encrypt(&room);
    let asked = world.asked(Endpoint::Send).len();
    pass(Duration::from_secs(600)).await;

    assert!((10..30).contains(&said), "{said}");
    assert_eq!(world.asked(Endpoint::Send).len(), asked);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_sync_shows_holds_before_it_is_written_down() {
    let world = World::new();
    let room = world.room();
    let disk = Disk::default();
    let bot = world.start(disk.setup(&world)).await;
    world.alice_says(&room, "!ping");
    world.until_said(&room, 1).await;
    // The next answer waits in the outbox for a moment.
    world
        .server
        .fault(Fault::refused().on(Endpoint::Send).times(1));
    world.alice_says(&room, "!echo secret");
    pass(Duration::from_millis(1)).await;

    disk.fail_at("committing a batch");
    world.encrypt(&room);
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.said(&room), ["pong"]);
    let reason = world.only_parked_row().await;
    assert_eq!(reason.code, ParkCode::Encrypted);
    bot.stop().await;
}
