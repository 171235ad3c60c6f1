//! Two bots of one account on one PostgreSQL: again and again one of them is killed, or stops for so long that
//! the other takes its work over and it comes back with claims and a lease that are no longer its own.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use matrix_bridge_harness::router::Signal;
use matrix_bridge_harness::until::until;
use matrix_bridge_harness::{Router, Setup, Verdict, judge};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::home::{Home, Place};
use super::report::{Acts, Report};
use super::round::{self, Room};
use crate::failure::Failure;
use crate::postgres;
use crate::runner::Shell;

const ROOMS: usize = 20;
/// The pause between two questions of a room, in milliseconds: 40 questions a second in all.
const BREATH: Range<u64> = 250..750;
/// How long a bot that is gone keeps its work from the other.
const TAKEOVER: Duration = Duration::from_secs(2);
/// A bot that stops for so long is taken for gone.
const LONG: Duration = Duration::from_millis(3_500);

/// What became of a pair.
pub(super) struct Outcome {
    pub(super) report: Report,
    /// How long it took the other one to follow the rooms, after the one that did was gone.
    pub(super) takeovers: Vec<Duration>,
}

/// Kills for so long. The files are in `folder`.
pub(super) async fn play(
    shell: &Shell,
    seed: u64,
    span: Duration,
    folder: PathBuf,
) -> Result<Outcome, Failure> {
    round::make_empty(&folder);
    let mut server = postgres::started(shell, "kill-postgres", &[("fsync", "on")]).await?;
    let outcome = play_on(&server.url(), seed, span, &folder).await;
    server.stop().await.map_err(crate::synapse::server)?;
    Ok(outcome)
}

async fn play_on(url: &str, seed: u64, span: Duration, folder: &Path) -> Outcome {
    let mut random = Rng::with_seed(seed);
    let home = Home::open(Arc::new(Place::Testkit), seed).await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        let (id, threads) = (home.new_room().await, Vec::new());
        rooms.push(Room { id, threads });
    }
    let mut pair = Pair::start(&home, &rooms, url, folder, random.fork()).await;
    for room in &mut rooms {
        home.until_joined(&room.id).await;
        room.threads
            .push(home.say(&mut random, &room.id, None, "a topic").await);
    }

    let stop = CancellationToken::new();
    let asking = rooms
        .iter()
        .map(|room| round::ask(&home, room, random.fork(), BREATH, &stop));
    let killing = async {
        let begun = Instant::now();
        while begun.elapsed() < span {
            pair.take_turn().await;
        }
        stop.cancel();
    };
    tokio::join!(join_all(asking), killing);
    for room in &rooms {
        round::until_answered(&home, &room.id).await;
    }
    for bot in &mut pair.bots {
        round::end_in_order(&mut bot.router).await;
    }
    let mut verdict = Verdict::default();
    for Room { id, .. } in &rooms {
        let messages = home.messages(id).await;
        verdict += judge(
            &round::questions(&messages),
            &round::answers(&messages, &home.bot),
        );
    }
    Outcome {
        report: Report {
            verdict,
            acts: pair.acts,
        },
        takeovers: pair.takeovers,
    }
}

/// The two, both running.
struct Pair {
    bots: [Bot; 2],
    random: Rng,
    acts: Acts,
    takeovers: Vec<Duration>,
}

struct Bot {
    config: PathBuf,
    router: Router,
}

impl Pair {
    async fn start(home: &Home, rooms: &[Room], url: &str, folder: &Path, random: Rng) -> Self {
        let bot = async |name| {
            let folder = folder.join(name);
            round::make_empty(&folder);
            let mut setup = Setup::new(&home.base_url, &home.bot, &home.token, &folder)
                .store(url.into())
                .takeover(TAKEOVER);
            for room in rooms {
                setup = setup.room(&room.id, "active");
            }
            let router = setup.start().await;
            let config = setup.path().clone();
            Bot { config, router }
        };
        Self {
            bots: [bot("one").await, bot("other").await],
            random,
            acts: Acts::default(),
            takeovers: Vec::new(),
        }
    }

    /// Something happens to one of them.
    async fn take_turn(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(200..3_000))).await;
        let which = self.random.usize(..2);
        let was_following = self.is_following(which).await;
        let is_pause = self.random.u8(..4) == 0;
        if is_pause {
            self.bots[which].router.signal(Signal::STOP);
            self.acts.pauses += 1;
        } else {
            self.bots[which].router.kill().await;
            self.acts.kills += 1;
        }
        let gone = Instant::now();
        if was_following {
            until("the other one follows the rooms", async || {
                self.is_following(1 - which).await.then_some(())
            })
            .await;
            self.takeovers.push(gone.elapsed());
        }
        let bot = &mut self.bots[which];
        if is_pause {
            tokio::time::sleep(LONG.saturating_sub(gone.elapsed())).await;
            bot.router.signal(Signal::CONT);
        } else {
            bot.router = Router::start(&bot.config).await;
        }
    }

    /// Whether that one says that it does not stand by.
    async fn is_following(&self, which: usize) -> bool {
        let reasons = self.bots[which].router.reasons().await;
        reasons.iter().all(|(code, _)| code != "standby")
    }
}
