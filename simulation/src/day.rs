//! One day: what was planned happens, then everything is well again, then it is judged.

mod misfortune;
mod mishap;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use matrix_bridge_core::{Clock as _, Status};
use matrix_bridge_testkit::{crash::Side, homeserver::Membership};
use tokio::time::Instant;

use crate::{
    deed::{Deed, Fate, MOST_WRONG},
    judge::{self, Verdict},
    process::Process,
    question::Question,
    report::{Report, Totals},
    scale::Scale,
    script,
    watch::Watch,
    world::World,
};

/// Everything settles within so long once nothing goes wrong any more.
const SETTLE: Duration = Duration::from_secs(600);

struct Day {
    world: World,
    fate: Fate,
    scale: Scale,
    begun: Instant,
    /// What is going to happen; the number keeps the order of what comes at once.
    plan: BTreeMap<(Instant, u64), Deed>,
    planned: u64,
    process: Option<Process>,
    second: Option<Process>,
    starts: u32,
    dies: Option<(u64, Side)>,
    faults: u64,
    /// The latest time that the machine's clock may have shown, as it is for others.
    ran_ahead_to: Option<Instant>,
    /// The homeserver's last backup.
    kept: Option<mishap::Kept>,
    /// Whether the homeserver is away to be restored from it.
    is_restoring: bool,
    /// How much befell the rooms.
    falls: u64,
}

/// Lives the day of `seed`.
pub(crate) async fn live(seed: u64, trace: bool) -> Report {
    let watch = Arc::new(Watch::new(trace));
    let begun = Instant::now();
    let (mut totals, result) = match Day::begin(seed, watch.clone()).await {
        Ok(day) => day.live().await,
        Err(why) => (Totals::default(), Err(why)),
    };
    let (requests, store_calls) = watch.counts();
    totals.seeds = 1;
    totals.span = begun.elapsed();
    (totals.requests, totals.store_calls) = (requests, store_calls);
    if let Err(why) = result {
        watch.object(why);
    }
    let (objections, trace) = watch.end();
    Report {
        seed,
        objections,
        totals,
        trace,
    }
}

impl Day {
    async fn begin(seed: u64, watch: Arc<Watch>) -> Result<Self, String> {
        let scale = Scale::of(seed);
        watch.note(format_args!("{scale:?}"));
        let fate = Fate::new(seed ^ 0xfa7e);
        let world = World::new(seed, &scale, || fate.mode(), watch)?;
        let mut day = Self {
            begun: Instant::now(),
            plan: BTreeMap::new(),
            planned: 0,
            process: None,
            second: None,
            starts: 0,
            dies: None,
            faults: 0,
            ran_ahead_to: None,
            kept: None,
            is_restoring: false,
            falls: 0,
            world,
            fate,
            scale,
        };
        day.start();
        // What is said before the first commit is history, and not told of here.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let plan = day.fate.plan(&day.scale);
        for (after, deed) in plan {
            day.later(after, deed);
        }
        Ok(day)
    }

    async fn live(mut self) -> (Totals, Result<(), String>) {
        let result = self.hours().await;
        let questions = self.world.rooms.iter().flat_map(|room| &room.questions);
        let totals = Totals {
            faults: self.faults,
            questions: questions.filter(|question| question.is_due).count() as u64,
            restarts: u64::from(self.starts).saturating_sub(1),
            ..Totals::default()
        };
        (totals, result)
    }

    async fn hours(&mut self) -> Result<(), String> {
        while let Some(((at, _), deed)) = self.plan.pop_first() {
            self.until(at).await?;
            self.do_it(deed).await?;
        }
        self.calm().await?;
        self.settle().await
    }

    fn later(&mut self, after: Duration, deed: Deed) {
        self.planned += 1;
        self.plan
            .insert((Instant::now() + after, self.planned), deed);
    }

    /// Waits, and has the process started again when it dies.
    async fn until(&mut self, at: Instant) -> Result<(), String> {
        loop {
            let Some(process) = &self.process else {
                tokio::time::sleep_until(at).await;
                return Ok(());
            };
            tokio::select! {
                biased;
                () = process.death() => {}
                () = tokio::time::sleep_until(at) => return self.alive(),
            }
            self.world.watch.note(format_args!("died"));
            self.bury().await?;
            let after = Duration::from_millis(self.fate.pick(30_000) as u64);
            self.later(after, Deed::Start);
        }
    }

    /// An engine ends when it is told to, or dies, and not else.
    fn alive(&self) -> Result<(), String> {
        let both = self.process.iter().chain(&self.second);
        for process in both {
            if process.has_ended() && !process.mortal.is_dead() {
                return Err(format!("p{} ended by itself", process.mortal.number));
            }
        }
        Ok(())
    }

    async fn bury(&mut self) -> Result<(), String> {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        if self.second.is_none() {
            self.world.reopen_store().await?;
        }
        Ok(())
    }

    fn start(&mut self) {
        if self.process.is_none() {
            self.starts += 1;
            let dies = self.dies.take();
            self.process = Some(Process::start(&self.world, self.starts, dies));
        }
    }

    async fn do_it(&mut self, deed: Deed) -> Result<(), String> {
        self.world.watch.note(format_args!("{deed:?}"));
        if !matches!(deed, Deed::Speak | Deed::Fault(_)) {
            self.faults += 1;
        }
        match deed {
            Deed::Speak => self.speak(),
            Deed::Fault(fault) => {
                self.faults += 1;
                self.world.server.fault(*fault);
            }
            Deed::Away(span) => {
                self.world.server.go_down();
                self.later(span, Deed::ComeBack);
            }
            // One that is being restored takes its time, and is missed.
            Deed::ComeBack if self.is_restoring => {}
            Deed::ComeBack => self.world.server.come_up(),
            Deed::Restart => self.world.server.restart(),
            Deed::Kill(span) => {
                self.bury().await?;
                self.later(span, Deed::Start);
            }
            Deed::Stop(span) => {
                if let Some(process) = self.process.take() {
                    process.stop().await?;
                }
                self.bury().await?;
                self.later(span, Deed::Start);
            }
            Deed::DieAt(step, side) => {
                // It shows only in a process that begins.
                self.dies = Some((step, side));
                self.bury().await?;
                self.start();
            }
            Deed::Start => self.start(),
            Deed::Second(span) => self.second(span),
            Deed::EndSecond => {
                if let Some(second) = self.second.take() {
                    second.kill();
                }
            }
            Deed::Disk(weather, span) => self.world.disk.set(weather, span),
            Deed::Clock { by, ahead, span } => {
                self.world.clock.set_wrong(by, ahead);
                if ahead {
                    let latest = Instant::now() + span + by;
                    self.ran_ahead_to = self.ran_ahead_to.max(Some(latest));
                }
                self.later(span, Deed::ClockRight);
            }
            Deed::ClockRight => self.world.clock.correct(),
            Deed::Account(trouble, span) => self.trouble(trouble, span),
            Deed::AccountGood => {
                let restarts = self.fate.pick(2) == 0;
                self.restore_account(restarts).await?;
            }
            Deed::Position(position) => self.misplace(position).await?,
            Deed::BackUp => self.back_up(),
            Deed::RollBack(_) if self.is_restoring => {}
            Deed::RollBack(span) => {
                self.is_restoring = true;
                self.world.server.go_down();
                self.later(span, Deed::RolledBack);
            }
            Deed::RolledBack => self.roll_back().await?,
            Deed::Night => self.night().await?,
            Deed::Room(fall) => self.befall(fall),
            Deed::Reinvite(room) => self.reinvite(room),
        }
        Ok(())
    }

    fn speak(&mut self) {
        let place = self.fate.pick(self.world.rooms.len());
        let speaker = self.fate.pick(self.world.people.len());
        let (server, bot) = (&self.world.server, &self.world.bot.user_id);
        let Some(room) = self.world.rooms.get_mut(place) else {
            return;
        };
        let sent = server.timeline_of(&room.id, bot).into_iter();
        let plain = sent.filter(|event| {
            event.kind == "m.room.message" && event.content["m.new_content"].is_null()
        });
        let own: Vec<_> = plain.map(|message| message.event_id).collect();
        let acts = self.fate.message(&own);
        let text = if acts.is_empty() {
            "hello".to_owned()
        } else {
            script::write(&acts)
        };
        let is_in = server.membership(&room.id, bot) == Some(Membership::Join);
        // In a room that was replaced only its founder may still speak.
        let speaker = if room.is_replaced { 0 } else { speaker };
        let Some(speaker) = self.world.people.get(speaker) else {
            return;
        };
        let event = server.send_text(&room.id, &speaker.user_id, &text);
        self.world
            .watch
            .note(format_args!("{event} in {}: {text}", room.id));
        room.questions.push(Question {
            event,
            is_due: is_in && !room.is_encrypted && !acts.is_empty(),
            acts,
            is_gone: false,
            era: room.era,
        });
    }

    fn second(&mut self, span: Duration) {
        if self.second.is_none() {
            self.starts += 1;
            self.second = Some(Process::start(&self.world, self.starts, None));
            self.later(span, Deed::EndSecond);
        }
    }

    /// Nothing goes wrong any more.
    async fn calm(&mut self) -> Result<(), String> {
        self.world.watch.note(format_args!("calm"));
        self.world.server.clear_faults();
        self.world.server.come_up();
        self.world.disk.clear();
        self.world.clock.correct();
        if let Some(second) = self.second.take() {
            second.kill();
        }
        self.dies = None;
        self.bury().await?;
        self.start();
        Ok(())
    }

    /// L1: everything settles, and stays so. What a process wrote down while the clock
    /// ran ahead may last until that time comes.
    async fn settle(&mut self) -> Result<(), String> {
        let limit = self.world.watch.latest_limit();
        let ahead = self
            .ran_ahead_to
            .map_or(Duration::ZERO, |_| Duration::from_millis(MOST_WRONG));
        let limit = limit.map(|limit| limit + ahead);
        let limits = limit.into_iter().chain(self.ran_ahead_to);
        let end = limits.fold(Instant::now(), Instant::max) + SETTLE;
        let calm = self.world.clock.now();
        let mut verdict = Verdict::default();
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_secs(60)).await;
            self.alive()?;
            verdict = judge::judge(&self.world).await?;
            // Who was not told of a question yet may look as if it was passed over.
            let process = self.process.as_ref();
            let last_sync = process.and_then(|process| process.health.health().last_sync);
            if verdict.is_settled() && last_sync > Some(calm) {
                break;
            }
        }
        verdict.report(&self.world.watch);
        self.rest().await
    }

    /// L2: who has nothing to do does little. And what is settled stays settled.
    async fn rest(&mut self) -> Result<(), String> {
        const REST: Duration = Duration::from_secs(180);
        let (requests, calls) = self.world.watch.counts();
        tokio::time::sleep(REST).await;
        self.alive()?;
        let (requests, calls) = {
            let (now, calls_now) = self.world.watch.counts();
            (now - requests, calls_now - calls)
        };
        if requests > REST.as_secs() / 10 || calls > REST.as_secs() * 3 {
            let what = format!("{requests} requests and {calls} store calls in {REST:?} of rest");
            self.world.watch.object(what);
        }
        judge::judge(&self.world).await?.report(&self.world.watch);
        if let Some(process) = self.process.take() {
            let health = process.health.health();
            if health.status == Status::Failed {
                let reasons = health.reasons;
                let what = format!("all is well, and health says {reasons:?}");
                self.world.watch.object(what);
            }
            process.stop().await?;
        }
        self.world
            .watch
            .note(format_args!("{:?}", self.begun.elapsed()));
        Ok(())
    }
}
