//! Every step of a bot goes wrong once: each call of its store and each request is not
//! done, done and not heard of, or the last thing before a death. The loop finds the
//! steps itself. Whatever happens, the story ends as if nothing had.

mod scenario;
mod scenarios;
mod stage;
mod steps;

use std::env;

use self::{
    scenario::Scenario,
    stage::{Backend, Stage},
    steps::Trouble,
};

/// More steps than any story has: a story that goes on without end is wrong too.
const MOST_STEPS: u64 = 2_000;

/// Plays `scenario` with `trouble` at each of its steps. Returns how many there were.
async fn at_every_step(scenario: &Scenario, backend: Backend, trouble: Trouble) -> u64 {
    for at in 0..MOST_STEPS {
        let stage = Stage::new(scenario, backend);
        if !stage.play(scenario, &[(at, trouble)]).await {
            return at;
        }
    }
    panic!("{}: there is no end to its steps", scenario.name);
}

/// Plays it with a death at each step, and another at every `stride`th step of the
/// recovery.
async fn at_every_second_step(scenario: &Scenario, backend: Backend, stride: u64) -> u64 {
    let mut plays = 0;
    for first in 0..MOST_STEPS {
        let mut has_first_struck = false;
        // Another place for each, so that all are met in the end.
        for second in (first % stride..MOST_STEPS).step_by(usize::try_from(stride).unwrap()) {
            let stage = Stage::new(scenario, backend);
            let deaths = [(first, Trouble::DeathAfter), (second, Trouble::DeathBefore)];
            plays += 1;
            if !stage.play(scenario, &deaths).await {
                break;
            }
            has_first_struck = true;
        }
        if !has_first_struck
            && !Stage::new(scenario, backend)
                .play(scenario, &[(first, Trouble::DeathAfter)])
                .await
        {
            return plays;
        }
    }
    panic!("{}: there is no end to its steps", scenario.name);
}

/// `EVERY_STEP=full` plays all of it, which takes hours; else what fits into minutes.
fn is_full() -> bool {
    env::var("EVERY_STEP").is_ok_and(|wanted| wanted == "full")
}

/// Of the pairs of deaths one in so many is tried.
fn stride() -> u64 {
    if is_full() { 1 } else { 60 }
}

/// Deaths are played on both stores, for SQLite is what is in its files; what a process
/// survives depends on the engine alone.
fn backends(trouble: Trouble) -> &'static [Backend] {
    let is_death = matches!(trouble, Trouble::DeathBefore | Trouble::DeathAfter);
    if is_death || is_full() {
        &[Backend::Memory, Backend::Sqlite]
    } else {
        &[Backend::Memory]
    }
}

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use super::{
                Backend, Trouble, at_every_second_step, at_every_step, backends, scenarios, stride,
            };

            async fn every(trouble: Trouble) {
                for backend in backends(trouble) {
                    let steps = at_every_step(&scenarios::$name(), *backend, trouble).await;
                    assert!(steps > 5, "only {steps} steps: the story was not played");
                }
            }

            #[tokio::test(start_paused = true)]
            async fn survives_a_death_before_any_step() {
                every(Trouble::DeathBefore).await;
            }

            #[tokio::test(start_paused = true)]
            async fn survives_a_death_after_any_step() {
                every(Trouble::DeathAfter).await;
            }

            #[tokio::test(start_paused = true)]
            async fn survives_the_loss_of_any_answer() {
                every(Trouble::LostAnswer).await;
            }

            #[tokio::test(start_paused = true)]
            async fn survives_a_failure_of_any_step() {
                every(Trouble::Failing(1)).await;
            }

            #[tokio::test(start_paused = true)]
            async fn survives_failures_of_several_steps() {
                every(Trouble::Failing(7)).await;
            }

            #[tokio::test(start_paused = true)]
            async fn survives_another_death_while_it_recovers() {
                at_every_second_step(&scenarios::$name(), Backend::Memory, stride()).await;
            }
        })+

        /// Every story, for tests that look at all of them.
        #[test]
        fn there_are_twenty_stories() {
            assert!([$(scenarios::$name().name),+].len() >= 20);
        }
    };
}

scenarios! {
    a_question,
    two_rooms,
    a_slow_handler,
    a_retrying_handler,
    a_refusing_handler,
    a_panicking_handler,
    a_rate_limit,
    an_outage,
    a_lost_answer,
    a_failing_homeserver,
    an_edit,
    a_reaction_and_a_redaction,
    state_and_values,
    an_invite,
    refused_invites,
    a_first_sync_with_history,
    a_redelivery,
    an_encrypted_room,
    a_refused_message,
    a_kick,
    a_first_start,
    a_gap,
    a_refused_position,
}
