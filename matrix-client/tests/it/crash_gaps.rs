//! A crash at every call of the store, and at every request for history, while a gap is
//! filled, after a lost position and in the first sync.

use std::{sync::Arc, time::Duration};

use matrix_bridge_core::{ListState, MemoryStore, Settings};
use matrix_bridge_testkit::{
    crash::{CrashingStore, Side},
    homeserver::{Endpoint, Fault},
};

use crate::world::{Running, Setup, World, pass};

/// What the bot has before it when it is started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Story {
    /// A timeline with two pages missing.
    Gap,
    /// A position that is refused, and a page missing.
    Lost,
    /// Nothing: what is said before its first sync is history.
    First,
}

/// More than two pages of talk, with three questions in it.
const TALK: u32 = 14;
const PAGE: u32 = 5;

impl Story {
    async fn prepare(self) -> (World, String) {
        let world = World::new();
        let room = match self {
            Self::First => world.room(),
            Self::Gap | Self::Lost => world.followed_room().await,
        };
        for number in 0..TALK {
            let is_question = matches!(number, 1 | 6 | 12);
            let said = if is_question { "!echo" } else { "talk" };
            world.alice_says(&room, &format!("{said} {number}"));
        }
        match self {
            Self::Gap => world.server.fault(Fault::limited_timeline(2)),
            Self::Lost => world.put_position("garbage").await,
            Self::First => {}
        }
        (world, room)
    }

    const fn expected(self) -> &'static [&'static str] {
        match self {
            Self::Gap | Self::Lost => &["first", "1", "6", "12", "now"],
            Self::First => &["now"],
        }
    }
}

/// A short grace and claim, so that a run is over soon.
fn setup(store: Option<Arc<CrashingStore>>) -> Setup {
    Setup {
        settings: Settings {
            grace: Duration::from_millis(500),
            claim_ttl: Duration::from_secs(30),
            gap_page: PAGE,
            ..Settings::default()
        },
        store: store.map(|store| store as Arc<_>),
        ..Setup::default()
    }
}

/// The bot is killed and started again; then all is answered once and in order.
async fn is_whole(world: &World, room: &str, bot: Running, story: Story, context: &str) {
    bot.kill().await;
    let bot = world.start(setup(None)).await;
    world.alice_says(room, "!echo now");
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.said(room), story.expected(), "{context}");
    assert!(world.rows(ListState::Waiting).await.is_empty(), "{context}");
    assert!(world.rows(ListState::Parked).await.is_empty(), "{context}");
    assert!(bot.reasons().is_empty(), "{context}: {:?}", bot.health());
    world.inbox_is_empty().await;
    bot.stop().await;
}

/// Returns whether it crashed.
async fn crash_at_call(story: Story, at: u64, side: Side) -> bool {
    let (world, room) = story.prepare().await;
    let store: Arc<MemoryStore> = world.store.clone();
    let crashing = Arc::new(CrashingStore::new(store, at, side));
    let bot = world.begin(setup(Some(crashing.clone()))).await;
    pass(Duration::from_secs(5)).await;
    let has_crashed = crashing.crashed();
    is_whole(
        &world,
        &room,
        bot,
        story,
        &format!("{story:?} {side:?} call {at}"),
    )
    .await;
    has_crashed
}

async fn crash_at_every_call(story: Story, least: u64) {
    for side in [Side::Before, Side::After] {
        let mut at = 0;
        while crash_at_call(story, at, side).await {
            at += 1;
        }
        assert!(at >= least, "only {at} calls: the scenario did not run");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_while_a_gap_is_filled_loses_and_doubles_nothing() {
    crash_at_every_call(Story::Gap, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_after_a_lost_position_loses_and_doubles_nothing() {
    crash_at_every_call(Story::Lost, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_of_a_first_start_answers_nothing_of_before() {
    crash_at_every_call(Story::First, 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_request_for_history_loses_and_doubles_nothing() {
    for story in [Story::Gap, Story::Lost] {
        for fault in [Fault::silent_before_acting(), Fault::silent_after_acting()] {
            let mut requests = 0;
            loop {
                let (world, room) = story.prepare().await;
                let fault = fault.clone().on(Endpoint::Messages).skip(requests);
                world.server.fault(fault);
                let bot = world.begin(setup(None)).await;
                pass(Duration::from_secs(5)).await;
                let was_hit = world.server.faults_left() == 0;
                world.server.clear_faults();
                let context = format!("{story:?} request {requests}");
                is_whole(&world, &room, bot, story, &context).await;
                if !was_hit {
                    break;
                }
                requests += 1;
            }
            assert!(requests >= 3, "only {requests} requests");
        }
    }
}
