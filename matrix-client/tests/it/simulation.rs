//! Half an hour of a bot's life from a seed, with everything that goes wrong in it.
//!
//! People ask in several rooms and threads while the homeserver fails, limits, restarts
//! and goes away, and the bot is stopped, killed, and dies in the middle of a call of
//! its store. At the end every question has its one answer, in its room and thread, in
//! order.
//!
//! `SIMULATION_SEEDS=1000` runs more seeds; `SIMULATION_SEED=17` replays one.

use std::{collections::BTreeMap, env, sync::Arc, time::Duration};

use http::StatusCode;
use matrix_bridge_core::{ListState, Settings};
use matrix_bridge_testkit::{
    crash::{CrashingStore, Side},
    homeserver::{Endpoint, Fault, RateLimitForm},
    virtual_time::SeededRandom,
};

use crate::world::{Running, Setup, World, pass};

const SEEDS: u64 = 60;
/// Seeds that once failed stay for ever.
const KEPT: [u64; 3] = [22, 50, 128];
const STEPS: u64 = 80;

struct Life {
    world: World,
    client: matrix_bridge_client::Client,
    dice: SeededRandom,
    rooms: Vec<String>,
    /// By room: each question, its thread's root, and the answer it has to have.
    asked: BTreeMap<String, Vec<(String, Option<String>, String)>>,
    bot: Running,
}

fn setup(world: &World, crash: Option<(u64, Side)>) -> Setup {
    let settings = Settings {
        grace: Duration::from_millis(300),
        claim_ttl: Duration::from_secs(120),
        ..Settings::default()
    };
    let crashing = |(at, side)| Arc::new(CrashingStore::new(world.store.clone(), at, side));
    Setup {
        settings,
        store: crash.map(|crash| crashing(crash) as Arc<_>),
        ..Setup::default()
    }
}

impl Life {
    async fn begin(seed: u64) -> Self {
        let world = World::with_seed(seed);
        let dice = SeededRandom::new(seed ^ 0x5eed);
        let rooms: Vec<_> = (0..2 + dice.below(4)).map(|_| world.room()).collect();
        let bot = world.start(setup(&world, None)).await;
        // What comes before the first commit is history, and not told of here.
        pass(Duration::from_secs(1)).await;
        let client = world.client().await;
        Self {
            world,
            client,
            dice,
            rooms,
            asked: BTreeMap::new(),
            bot,
        }
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..55 => self.ask(),
            55..75 => pass(Duration::from_millis(self.dice.below(40_000))).await,
            75..90 => self.world.server.fault(self.fault()),
            90..92 => self.world.server.go_down(),
            92..95 => self.world.server.come_up(),
            95..97 => self.world.server.restart(),
            _ => self.replace_bot().await,
        }
    }

    fn ask(&mut self) {
        let number = self.asked.values().map(Vec::len).sum::<usize>();
        let room = self.rooms[self.pick(self.rooms.len())].clone();
        let (question, answer) = match self.dice.below(20) {
            0 => ("!fail".to_owned(), "failed".to_owned()),
            1 => ("!retry 2".to_owned(), "tried 2 times".to_owned()),
            2..5 => {
                let seconds = self.dice.below(6);
                (format!("!slow {seconds}"), format!("slept {seconds} s"))
            }
            _ => (format!("!echo {number}"), number.to_string()),
        };
        let alice = &self.world.alice.user_id;
        let before = self.asked.get(&room).and_then(|asked| asked.first());
        let root = before
            .filter(|_| self.dice.below(3) == 0)
            .map(|(event, root, _)| root.clone().unwrap_or_else(|| event.clone()));
        let event = match &root {
            Some(root) => self
                .world
                .server
                .send_in_thread(&room, alice, root, &question),
            None => self.world.server.send_text(&room, alice, &question),
        };
        self.asked
            .entry(room)
            .or_default()
            .push((event, root, answer));
    }

    fn fault(&self) -> Fault {
        let seconds = Duration::from_secs(self.dice.below(30));
        let status = |code| StatusCode::from_u16(code).unwrap();
        let fault = match self.dice.below(14) {
            0 => Fault::refused(),
            1 => Fault::cut_before_acting(),
            2 => Fault::cut_after_acting(),
            3 => Fault::silent_before_acting(),
            4 => Fault::silent_after_acting(),
            5 => Fault::late_reply(seconds),
            6 => Fault::late_action(seconds),
            7 => Fault::rate_limited(RateLimitForm::BodyOnly(seconds)),
            8 => Fault::rate_limited(RateLimitForm::HeaderDate(seconds)),
            9 => Fault::error(status(500), "M_UNKNOWN"),
            10 => Fault::page(status(502)),
            11 => Fault::page(status(200)),
            12 => Fault::torn_body(),
            _ => return Fault::repeated_batch(),
        };
        let endpoint = [Endpoint::Send, Endpoint::Sync, Endpoint::State][self.pick(3)];
        let fault = fault.by(&self.world.bot.user_id).on(endpoint);
        fault.skip(self.roll(3)).times(1 + self.roll(3))
    }

    async fn replace_bot(&mut self) {
        let crash = match self.dice.below(3) {
            0 => None,
            1 => Some((self.dice.below(120), Side::Before)),
            _ => Some((self.dice.below(120), Side::After)),
        };
        self.start_bot(crash).await;
    }

    async fn start_bot(&mut self, crash: Option<(u64, Side)>) {
        let next = self
            .world
            .begin_as(self.client.clone(), setup(&self.world, crash));
        std::mem::replace(&mut self.bot, next).kill().await;
    }

    fn pick(&self, count: usize) -> usize {
        usize::try_from(self.dice.below(count as u64)).unwrap()
    }

    fn roll(&self, bound: u64) -> u32 {
        u32::try_from(self.dice.below(bound)).unwrap()
    }

    /// Ends all faults, lets things settle, and judges.
    async fn end(mut self, seed: u64) -> String {
        self.world.server.clear_faults();
        self.world.server.come_up();
        self.start_bot(None).await;
        pass(Duration::from_secs(15 * 60)).await;
        for room in &self.rooms {
            self.judge(room, seed);
        }
        assert!(
            self.world.rows(ListState::Waiting).await.is_empty(),
            "seed {seed}"
        );
        assert!(
            self.world.rows(ListState::Parked).await.is_empty(),
            "seed {seed}"
        );
        self.bot.stop().await;
        let requests = self.world.server.requests();
        let traced = requests
            .iter()
            .map(|r| format!("{:?} {} {:?}\n", r.at, r.path, r.status));
        traced.collect()
    }

    fn judge(&self, room: &str, seed: u64) {
        let asked = self.asked.get(room).map(Vec::as_slice).unwrap_or_default();
        let expected: Vec<_> = asked
            .iter()
            .map(|(event, root, answer)| (event.clone(), root.clone(), answer.clone()))
            .collect();
        let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
        let said: Vec<_> = self
            .world
            .answers(room)
            .iter()
            .map(|answer| {
                let relation = &answer.content["m.relates_to"];
                let to = text(&relation["m.in_reply_to"]["event_id"]).unwrap_or_default();
                (to, text(&relation["event_id"]), answer.body().to_owned())
            })
            .collect();
        assert_eq!(
            said, expected,
            "seed {seed}, {room}: run it with SIMULATION_SEED={seed}"
        );
    }
}

async fn live(seed: u64) -> String {
    let mut life = Life::begin(seed).await;
    for _ in 0..STEPS {
        life.step().await;
    }
    life.end(seed).await
}

/// A life of its own for each seed, so that no clock is shared.
fn run(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(live(seed))
}

fn from_environment(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

#[test]
fn whatever_goes_wrong_every_question_has_its_one_answer() {
    if let Some(seed) = from_environment("SIMULATION_SEED") {
        run(seed);
        return;
    }
    let seeds = 0..from_environment("SIMULATION_SEEDS").unwrap_or(SEEDS);
    for seed in seeds.chain(KEPT) {
        run(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for seed in [3, 14, 15] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
