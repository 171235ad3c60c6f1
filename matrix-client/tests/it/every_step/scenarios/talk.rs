//! People talk, and handlers do what handlers do.

use std::time::Duration;

use serde_json::json;

use super::commands::extended;
use crate::{every_step::scenario::Scenario, world::pass};

const SECOND: Duration = Duration::from_secs(1);

/// Somebody asks, and asks again later.
pub(in crate::every_step) fn a_question() -> Scenario {
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
pub(in crate::every_step) fn two_rooms() -> Scenario {
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
pub(in crate::every_step) fn a_slow_handler() -> Scenario {
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
pub(in crate::every_step) fn a_retrying_handler() -> Scenario {
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
pub(in crate::every_step) fn a_refusing_handler() -> Scenario {
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
pub(in crate::every_step) fn a_panicking_handler() -> Scenario {
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

/// The bot edits what it said.
pub(in crate::every_step) fn an_edit() -> Scenario {
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
pub(in crate::every_step) fn a_reaction_and_a_redaction() -> Scenario {
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
pub(in crate::every_step) fn state_and_values() -> Scenario {
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
