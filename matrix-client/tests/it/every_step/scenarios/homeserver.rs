//! The homeserver limits, fails, forgets and repeats itself.

use std::time::Duration;

use http::StatusCode;
use matrix_bridge_testkit::homeserver::{Endpoint, Fault, RateLimitForm};

use crate::{
    every_step::scenario::{Scenario, setup},
    world::{Setup, pass},
};

const SECOND: Duration = Duration::from_secs(1);

/// The homeserver asks to wait.
pub(in crate::every_step) fn a_rate_limit() -> Scenario {
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
pub(in crate::every_step) fn an_outage() -> Scenario {
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
pub(in crate::every_step) fn a_lost_answer() -> Scenario {
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
pub(in crate::every_step) fn a_failing_homeserver() -> Scenario {
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

/// The homeserver gives a batch again.
pub(in crate::every_step) fn a_redelivery() -> Scenario {
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

/// The homeserver refuses one message, and takes the next.
pub(in crate::every_step) fn a_refused_message() -> Scenario {
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
pub(in crate::every_step) fn a_gap() -> Scenario {
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
pub(in crate::every_step) fn a_refused_position() -> Scenario {
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

/// History comes in pages of two events.
fn short_pages() -> Setup {
    let mut setup = setup();
    setup.settings.gap_page = 2;
    setup
}
