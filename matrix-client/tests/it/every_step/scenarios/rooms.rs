//! Rooms come and go.

use std::time::Duration;

use matrix_bridge_client::SyncSettings;
use matrix_bridge_core::{History, JoinPolicy, Policy, RoomMode};
use matrix_bridge_testkit::homeserver::Membership;

use crate::{
    every_step::{
        scenario::{Scenario, setup},
        stage::Stage,
    },
    world::{Setup, pass},
};

const SECOND: Duration = Duration::from_secs(1);

/// The bot is invited to a room on its list.
pub(in crate::every_step) fn an_invite() -> Scenario {
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
pub(in crate::every_step) fn refused_invites() -> Scenario {
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
pub(in crate::every_step) fn a_first_sync_with_history() -> Scenario {
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

/// A room turns encrypted; what is said there before is answered, and nothing after.
pub(in crate::every_step) fn an_encrypted_room() -> Scenario {
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

/// The bot is thrown out, and let in again.
pub(in crate::every_step) fn a_kick() -> Scenario {
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

/// A bot that is new somewhere answers nothing of what was said before it came.
pub(in crate::every_step) fn a_first_start() -> Scenario {
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
