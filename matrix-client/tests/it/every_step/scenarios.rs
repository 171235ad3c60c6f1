//! The stories.

use std::{error::Error, sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_client::SyncSettings;
use matrix_bridge_core::{
    Command, Context, Effects, HandlerError, History, JoinPolicy, Message, Policy, RoomMode, chain,
};
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, Membership, RateLimitForm};
use ruma::EventId;
use serde_json::json;

use super::{
    scenario::{Scenario, setup},
    stage::Stage,
};
use crate::world::{Setup, commands, pass};

const SECOND: Duration = Duration::from_secs(1);

/// Somebody asks, and asks again later.
pub(super) fn a_question() -> Scenario {
    Scenario::new("a question", &[&["1", "2"]], |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            pass(2 * SECOND).await;
            stage.says(0, "!echo 2");
            pass(3 * SECOND).await;
        })
    })
}

/// Rooms do not disturb each other.
pub(super) fn two_rooms() -> Scenario {
    let said: &[&[&str]] = &[&["1", "3"], &["2", "4", "5"]];
    Scenario::new("two rooms", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            stage.says(1, "!echo 2");
            pass(SECOND).await;
            stage.says(0, "!echo 3");
            stage.says(1, "!echo 4");
            stage.says(1, "!echo 5");
            pass(3 * SECOND).await;
        })
    })
}

/// A room goes to the inbox while another goes on.
pub(super) fn a_slow_handler() -> Scenario {
    let said: &[&[&str]] = &[&["slept 3 s", "1", "2"], &["3"]];
    Scenario::new("a slow handler", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!slow 3");
            stage.says(0, "!echo 1");
            pass(SECOND).await;
            stage.says(0, "!echo 2");
            stage.says(1, "!echo 3");
            pass(8 * SECOND).await;
        })
    })
}

/// A handler asks for another try, which holds back its room only.
pub(super) fn a_retrying_handler() -> Scenario {
    let said: &[&[&str]] = &[&["tried 2 times", "1"], &["2"]];
    Scenario::new("a retrying handler", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!retry 2");
            stage.says(0, "!echo 1");
            stage.says(1, "!echo 2");
            pass(40 * SECOND).await;
        })
    })
}

/// An event is parked, with an answer that says so.
pub(super) fn a_refusing_handler() -> Scenario {
    let said: &[&[&str]] = &[&["failed", "1"]];
    Scenario::new("a refusing handler", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!fail");
            stage.says(0, "!echo 1");
            pass(3 * SECOND).await;
        })
    })
    .parking_events(1)
}

/// A handler panics, over and over.
pub(super) fn a_panicking_handler() -> Scenario {
    let said: &[&[&str]] = &[&["1"], &["2"]];
    Scenario::new("a panicking handler", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!panic");
            stage.says(0, "!panic");
            stage.says(0, "!echo 1");
            stage.says(1, "!echo 2");
            pass(3 * SECOND).await;
        })
    })
    .parking_events(2)
}

/// The homeserver asks to wait.
pub(super) fn a_rate_limit() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2"], &["3"]];
    Scenario::new("a rate limit", said, |stage| {
        Box::pin(async move {
            let limit = RateLimitForm::BodyOnly(4 * SECOND);
            let limit = Fault::rate_limited(limit).on(Endpoint::Send);
            stage.fault(limit.times(2));
            stage.says(0, "!echo 1");
            stage.says(0, "!echo 2");
            stage.says(1, "!echo 3");
            pass(12 * SECOND).await;
        })
    })
}

/// The homeserver goes away in the middle, and comes back.
pub(super) fn an_outage() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2", "3"]];
    Scenario::new("an outage", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            stage.says(0, "!echo 2");
            pass(Duration::from_millis(20)).await;
            stage.world().server.go_down();
            pass(5 * SECOND).await;
            stage.world().server.come_up();
            stage.says(0, "!echo 3");
            pass(20 * SECOND).await;
        })
    })
}

/// A message is sent, and nobody hears of it.
pub(super) fn a_lost_answer() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2"]];
    Scenario::new("a lost answer", said, |stage| {
        Box::pin(async move {
            stage.fault(Fault::cut_after_acting().on(Endpoint::Send));
            stage.says(0, "!echo 1");
            stage.says(0, "!echo 2");
            pass(6 * SECOND).await;
        })
    })
}

/// The homeserver fails on a send with 500, then with a proxy's page.
pub(super) fn a_failing_homeserver() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2"]];
    Scenario::new("a failing homeserver", said, |stage| {
        Box::pin(async move {
            let error = Fault::error(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN");
            stage.fault(error.on(Endpoint::Send));
            stage.fault(Fault::page(StatusCode::BAD_GATEWAY).on(Endpoint::Send));
            stage.says(0, "!echo 1");
            stage.says(0, "!echo 2");
            pass(15 * SECOND).await;
        })
    })
}

/// The bot edits what it said.
pub(super) fn an_edit() -> Scenario {
    let said: &[&[&str]] = &[&["1", "* better"]];
    Scenario::new("an edit", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            let answer = stage.until_of_kind("m.room.message").await;
            stage.says(0, &format!("!edit {}", answer.event_id));
            pass(4 * SECOND).await;
        })
    })
    .with_setup(extended)
}

/// It reacts to a question, and redacts it.
pub(super) fn a_reaction_and_a_redaction() -> Scenario {
    let said: &[&[&str]] = &[&[]];
    Scenario::new("a reaction and a redaction", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!react");
            let reaction = stage.until_of_kind("m.reaction").await;
            stage.says(0, &format!("!redact {}", reaction.event_id));
            stage.until_of_kind("m.room.redaction").await;
            pass(2 * SECOND).await;
        })
    })
    .with_setup(extended)
    .checked(|stage, context| {
        assert_eq!(stage.of_kind("m.reaction").len(), 1, "{context}");
        assert_eq!(stage.of_kind("m.room.redaction").len(), 1, "{context}");
    })
}

/// What one event stores, the next one reads; state is set on the way.
pub(super) fn state_and_values() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2", "3"]];
    Scenario::new("state and values", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!count");
            stage.says(0, "!count");
            pass(2 * SECOND).await;
            stage.says(0, "!count");
            pass(4 * SECOND).await;
        })
    })
    .with_setup(extended)
    .after(|stage| {
        let world = stage.world();
        let (alice, bot) = (&world.alice.user_id, &world.bot.user_id);
        let levels = json!({"users": {alice: 100, bot: 50}});
        world
            .server
            .set_state(stage.room(0), alice, "m.room.power_levels", "", levels);
    })
    .checked(|stage, context| {
        let server = &stage.world().server;
        let topic = server.look(|server| server.state_of(stage.room(0), "com.example.count", ""));
        assert_eq!(topic, Some(json!({"count": 3})), "{context}");
    })
}

/// The bot is invited to a room on its list.
pub(super) fn an_invite() -> Scenario {
    Scenario::new("an invite", &[&["1"]], |stage| {
        Box::pin(async move {
            let world = stage.world();
            world.server.leave(stage.room(0), &world.bot.user_id);
            pass(2 * SECOND).await;
            let (alice, bot) = (&world.alice.user_id, &world.bot.user_id);
            world.server.invite(stage.room(0), alice, bot);
            let membership = |stage: &Stage| {
                let world = stage.world();
                world.server.membership(stage.room(0), &world.bot.user_id)
            };
            stage
                .until(|stage| membership(stage) == Some(Membership::Join))
                .await;
            stage.says(0, "!echo 1");
            pass(4 * SECOND).await;
        })
    })
    .with_setup(|| Setup {
        policy: crate::policies::listed(&[("!room1:testkit.local", RoomMode::Active)]),
        ..setup()
    })
}

/// It is invited to rooms that are not on its list, and refuses.
pub(super) fn refused_invites() -> Scenario {
    Scenario::new("refused invites", &[], |stage| {
        Box::pin(async move {
            let world = stage.world();
            let (alice, bot) = (&world.alice.user_id, &world.bot.user_id);
            for _ in 0..3 {
                let room = world.server.create_room(alice);
                world.server.invite(&room, alice, bot);
            }
            stage.until(|stage| left(stage) == 3).await;
            pass(2 * SECOND).await;
        })
    })
    .with_setup(|| Setup {
        policy: Policy {
            join: JoinPolicy::Leave,
            ..crate::policies::listed(&[("!other:testkit.local", RoomMode::Active)])
        },
        ..setup()
    })
    .checked(|stage, context| assert_eq!(left(stage), 3, "{context}"))
}

/// How many rooms the bot left, or refused to join.
fn left(stage: &Stage) -> usize {
    let world = stage.world();
    let rooms = world.server.look(|server| server.room_ids());
    let has_left = |room: &&String| {
        let membership = world.server.membership(room, &world.bot.user_id);
        membership == Some(Membership::Leave)
    };
    rooms.iter().filter(has_left).count()
}

/// The first sync brings history, of which the last two are handled.
pub(super) fn a_first_sync_with_history() -> Scenario {
    let said: &[&[&str]] = &[&["2", "3", "4"]];
    Scenario::new("a first sync with history", said, |stage| {
        Box::pin(async move {
            // What is history is decided by the first commit, whenever that is.
            stage.until_said(0, 2).await;
            stage.says(0, "!echo 4");
            pass(4 * SECOND).await;
        })
    })
    .with_setup(|| Setup {
        policy: Policy {
            history: History::Last(2),
            ..Policy::default()
        },
        sync: SyncSettings {
            first_timeline: 10,
            ..SyncSettings::default()
        },
        ..setup()
    })
    .after(|stage| {
        for number in 1..=3 {
            stage.says(0, &format!("!echo {number}"));
        }
    })
    .with_the_first_sync()
}

/// The homeserver gives a batch again.
pub(super) fn a_redelivery() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2", "3"]];
    Scenario::new("a redelivery", said, |stage| {
        Box::pin(async move {
            stage.fault(Fault::repeated_batch());
            stage.says(0, "!echo 1");
            stage.says(0, "!echo 2");
            pass(3 * SECOND).await;
            stage.fault(Fault::repeated_batch());
            stage.says(0, "!echo 3");
            pass(4 * SECOND).await;
        })
    })
}

/// A room turns encrypted; what is said there before is answered, and nothing after.
pub(super) fn an_encrypted_room() -> Scenario {
    let said: &[&[&str]] = &[&["1"], &["3"]];
    Scenario::new("an encrypted room", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            // However the bot dies: its answer is out before the room turns.
            stage.until_said(0, 1).await;
            stage.world().encrypt(stage.room(0));
            stage.says(0, "!echo 2");
            stage.says(1, "!echo 3");
            pass(5 * SECOND).await;
        })
    })
    .checked_rows(|parked| {
        // Its answer was heard in the room, and lost on the way back.
        parked.iter().all(|row| row.first_attempt.is_some()) && parked.len() <= 1
    })
}

/// The homeserver refuses one message, and takes the next.
pub(super) fn a_refused_message() -> Scenario {
    let said: &[&[&str]] = &[&["2"]];
    Scenario::new("a refused message", said, |stage| {
        Box::pin(async move {
            let world = stage.world();
            let deaf = Fault::error(StatusCode::FORBIDDEN, "M_FORBIDDEN").on(Endpoint::Send);
            stage.fault(deaf.in_room(stage.room(0)).by(&world.bot.user_id).forever());
            stage.says(0, "!echo 1");
            stage.until_parked(1).await;
            world.server.clear_faults();
            stage.says(0, "!echo 2");
            pass(4 * SECOND).await;
        })
    })
    .checked_rows(|parked| parked.len() == 1)
}

/// More is said than a sync holds, while the bot is away; the rest is in the history.
pub(super) fn a_gap() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2", "3", "4", "5", "6", "7"], &["8"]];
    Scenario::new("a gap", said, |stage| {
        Box::pin(async move {
            stage.says(1, "!echo 8");
            pass(2 * SECOND).await;
            stage.until_said(0, 6).await;
            stage.says(0, "!echo 7");
            pass(4 * SECOND).await;
        })
    })
    .with_setup(short_pages)
    .between(|stage| {
        stage.fault(Fault::limited_timeline(2));
        for number in 1..=6 {
            stage.says(0, &format!("!echo {number}"));
        }
    })
}

/// The homeserver refuses the sync token; what was said meanwhile is answered once.
pub(super) fn a_refused_position() -> Scenario {
    let said: &[&[&str]] = &[&["1", "2", "3"], &["4"]];
    Scenario::new("a refused position", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            stage.until_said(0, 1).await;
            let refused = Fault::error(StatusCode::BAD_REQUEST, "M_UNKNOWN");
            stage.fault(refused.on(Endpoint::Sync));
            stage.says(0, "!echo 2");
            stage.says(1, "!echo 4");
            pass(2 * SECOND).await;
            stage.says(0, "!echo 3");
            pass(40 * SECOND).await;
        })
    })
    .with_setup(short_pages)
}

/// A bot that is new somewhere answers nothing of what was said before it came.
pub(super) fn a_first_start() -> Scenario {
    let said: &[&[&str]] = &[&["4"]];
    Scenario::new("a first start", said, |stage| {
        Box::pin(async move {
            stage.until_synced().await;
            stage.says(0, "!echo 4");
            pass(4 * SECOND).await;
        })
    })
    .after(|stage| {
        for number in 1..=3 {
            stage.says(0, &format!("!echo {number}"));
        }
    })
    .with_the_first_sync()
}

/// The bot is thrown out, and let in again.
pub(super) fn a_kick() -> Scenario {
    let said: &[&[&str]] = &[&["1", "3"], &["2"]];
    Scenario::new("a kick", said, |stage| {
        Box::pin(async move {
            stage.says(0, "!echo 1");
            stage.until_said(0, 1).await;
            let world = stage.world();
            let (alice, bot) = (&world.alice.user_id, &world.bot.user_id);
            world.server.kick(stage.room(0), alice, bot);
            stage.says(1, "!echo 2");
            pass(3 * SECOND).await;
            world.server.invite(stage.room(0), alice, bot);
            world.server.join(stage.room(0), bot);
            pass(SECOND).await;
            stage.says(0, "!echo 3");
            pass(4 * SECOND).await;
        })
    })
}

/// History comes in pages of two events.
fn short_pages() -> Setup {
    let mut setup = setup();
    setup.settings.gap_page = 2;
    setup
}

/// More commands: `!edit`, `!react`, `!redact`, `!count`.
fn extended() -> Setup {
    Setup {
        handler: Arc::new(
            commands()
                .command("!edit", edit)
                .command("!react", react)
                .command("!redact", redact)
                .command("!count", count),
        ),
        ..setup()
    }
}

async fn edit(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let target = EventId::parse(command.arguments()).map_err(refused)?;
    let room = command.event().room().to_owned();
    Ok(Effects::none().edit(room, target, Message::text("better")))
}

async fn react(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let event = command.event();
    Ok(Effects::none().react(event.room().to_owned(), event.id(), "+1"))
}

async fn redact(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let target = EventId::parse(command.arguments()).map_err(refused)?;
    let room = command.event().room().to_owned();
    Ok(Effects::none().redact(room, target, None))
}

async fn count(command: Command, context: Context) -> Result<Effects, HandlerError> {
    let retry = |error| HandlerError::retry_after(SECOND, chain(&error));
    let before = context.value("test", "count").await.map_err(retry)?;
    let before = before.map_or(0, |value| u64::from(value[0]));
    let now = u8::try_from(before + 1).map_err(refused)?;
    let room = command.event().room().to_owned();
    let effects = Effects::from(command.reply(now.to_string()));
    effects
        .set_value("test", "count", vec![now])
        .set_state(room, "com.example.count", "", &json!({"count": now}))
        .map_err(refused)
}

fn refused(error: impl Error) -> HandlerError {
    HandlerError::park(error.to_string())
}
