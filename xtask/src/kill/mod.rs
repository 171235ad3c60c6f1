//! Killing the bot, or its homeserver, at random moments while people write: round after round.
//!
//! `plan` draws what is done and when, from a seed; `home` is a homeserver and the people there; `round` does it
//! and reads what stands in the rooms afterwards, which the harness judges. `pair` does the same to two bots on
//! one database.

mod home;
mod pair;
mod plan;
mod report;
mod round;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::runner::{Shell, target};
use crate::synapse;
pub(crate) use home::Place;
use report::Report;

const BOT: &[&str] = &[
    "build",
    "--package",
    "matrix-bridge",
    "--example",
    "room_router",
    "--features",
    "postgres",
];

/// What is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) rounds: u64,
    /// Of the first round; the others count on from it. A new one if it is not given.
    pub(crate) seed: Option<u64>,
    /// How many rounds run at once.
    pub(crate) jobs: usize,
    pub(crate) against: Against,
    /// How long a pair is killed.
    pub(crate) seconds: u64,
}

/// What the bot talks to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Against {
    /// The testkit's homeserver, a new one for each round, on a socket.
    Testkit,
    /// One Synapse for all rounds.
    Synapse,
    /// The same, and it is killed as well.
    MortalSynapse,
    /// Two bots on one PostgreSQL, on the testkit's homeserver.
    Pair,
}

/// Builds the bot, then runs the rounds; true if all were good.
pub(crate) async fn run(wanted: Wanted) -> Result<bool, Failure> {
    let shell = Shell::open("kill", false, false)?;
    shell.cargo(BOT).await?;
    let is_mortal = match wanted.against {
        Against::Testkit => return rounds(&shell, wanted, Place::Testkit).await,
        Against::Synapse => false,
        Against::MortalSynapse => true,
        Against::Pair => {
            return pair(&shell, wanted.seed, Duration::from_secs(wanted.seconds)).await;
        }
    };
    let (python, server) = synapse::started(&shell, "kill-synapse").await?;
    let place = Place::synapse(&python, server, is_mortal).await?;
    rounds(&shell, wanted, place).await
}

/// A few rounds with new seeds, for a step that has built the bot: enough to notice what breaks often.
pub(crate) async fn few(shell: &Shell, rounds: u64, place: Place) -> Result<(), Failure> {
    let wanted = Wanted {
        rounds,
        seed: None,
        jobs: 2,
        against: Against::Testkit,
        seconds: 0,
    };
    if self::rounds(shell, wanted, place).await? {
        Ok(())
    } else {
        let advice =
            "rounds of kills failed; `cargo xtask kill --rounds 1 --seed S` tries one again";
        Err(Failure::Findings(vec![advice.to_owned()]))
    }
}

/// Kills two bots on one database for so long, the bot being built; true if all was good.
pub(crate) async fn pair(
    shell: &Shell,
    seed: Option<u64>,
    span: Duration,
) -> Result<bool, Failure> {
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000_000));
    shell.say(&format!(
        "two bots on one PostgreSQL for {span:?}, seed {seed}"
    ));
    let folder = folder(seed);
    let outcome = pair::play(shell, seed, span, folder.clone()).await?;
    let mut takeovers = outcome.takeovers;
    takeovers.sort();
    let shown = [0, takeovers.len() / 2, takeovers.len().saturating_sub(1)]
        .map(|nth| takeovers.get(nth).copied().unwrap_or_default());
    shell.say(&format!(
        "{}; {} take-overs: shortest {:?}, median {:?}, longest {:?}",
        outcome.report,
        takeovers.len(),
        shown[0],
        shown[1],
        shown[2],
    ));
    let is_good = outcome.report.verdict.is_good();
    if is_good {
        remove(&folder);
    } else {
        shell.say(&format!("FAILED; its logs are in {}", folder.display()));
    }
    Ok(is_good)
}

/// Runs the rounds, the bot being built. What a failed one leaves behind is kept.
async fn rounds(shell: &Shell, wanted: Wanted, place: Place) -> Result<bool, Failure> {
    let Wanted {
        rounds,
        seed,
        jobs,
        against: _,
        seconds: _,
    } = wanted;
    // Two rounds cannot both kill the one server.
    let jobs = if place.is_mortal() { 1 } else { jobs.max(1) };
    let first = seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000_000));
    let place = Arc::new(place);
    let started = Instant::now();
    let (mut done, mut sum, mut failed) = (0, Report::default(), Vec::new());
    shell.say(&format!(
        "{rounds} rounds against {place}, from seed {first} on"
    ));
    let seeds = (0..rounds).map(|round| first.wrapping_add(round));
    let played = seeds.map(|seed| {
        let round = round::play(place.clone(), seed, folder(seed));
        let outcome = AssertUnwindSafe(round).catch_unwind();
        outcome.map(move |outcome| (seed, outcome))
    });
    let mut played = pin!(stream::iter(played).buffer_unordered(jobs));
    while let Some((seed, outcome)) = played.next().await {
        match settle(seed, outcome) {
            Ok(report) => sum += report,
            Err(line) => {
                shell.say(&line);
                failed.push(seed);
            }
        }
        done += 1;
        if done % (rounds / 20).clamp(1, 25) == 0 || done == rounds {
            let seconds = started.elapsed().as_secs();
            shell.say(&format!("{done}/{rounds} rounds, {seconds} s: {sum}"));
        }
    }
    if !failed.is_empty() {
        shell.say(&format!(
            "{} rounds FAILED, with the seeds {failed:?}",
            failed.len()
        ));
    }
    place.stop().await?;
    Ok(failed.is_empty())
}

/// What a round came to: a report of a good one, or a line about one that failed.
fn settle(seed: u64, outcome: std::thread::Result<Report>) -> Result<Report, String> {
    let folder = folder(seed);
    let wrong = match outcome {
        Ok(report) if report.verdict.is_good() => {
            remove(&folder);
            return Ok(report);
        }
        Ok(report) => report.to_string(),
        // What the panic said stands above, on stderr.
        Err(_panic) => "a panic".to_owned(),
    };
    Err(format!(
        "seed {seed} FAILED: {wrong}; its store and logs are in {}",
        folder.display()
    ))
}

fn folder(seed: u64) -> PathBuf {
    target().join("kill").join(seed.to_string())
}

fn remove(folder: &Path) {
    // What is left of it is in nobody's way.
    let _ = std::fs::remove_dir_all(folder);
}
