//! A bucket that leaks, a network with latency, and rooms that ask for their turns.

use std::collections::BTreeMap;

use super::*;

/// What a run is about.
#[derive(Clone, Copy, Debug)]
struct World {
    burst: f64,
    per_second: f64,
    /// A refusal takes so long more than another answer, in seconds.
    refusal_takes: f64,
    /// One way, in seconds: at least, and up to so much more.
    latency: f64,
    jitter: f64,
    rooms: usize,
    requests: usize,
    /// Somebody else uses the bucket once in so many intervals.
    others: Option<f64>,
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    level: f64,
    at: f64,
}

#[derive(Debug, Default)]
struct Report {
    /// When each refusal was seen, and until when it asked to wait.
    refusals: Vec<(u64, u64)>,
    /// Waits that began with a refusal of a request that was not under way yet when the
    /// one before began.
    waits: usize,
    wait_ends: u64,
    starts: Vec<u64>,
    accepted: Vec<f64>,
    by_others: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Ask,
    Slot(Slot),
    Arrive {
        started: Moment,
    },
    Accepted {
        started: Moment,
    },
    Refused {
        started: Moment,
        retry_after: Duration,
    },
    Other,
}

impl World {
    fn synapse(burst: u32, per_second: f64, requests: usize) -> Self {
        Self {
            burst: f64::from(burst),
            per_second,
            refusal_takes: 0.5,
            latency: 0.01,
            jitter: 0.03,
            rooms: 3,
            requests,
            others: None,
            seed: 7,
        }
    }

    fn run(self) -> Report {
        Run::new(self).run()
    }
}

struct Run {
    world: World,
    random: u64,
    bucket: Bucket,
    pacer: Pacer,
    left: Vec<usize>,
    /// By time in microseconds, then in the order of their making; with their room.
    events: BTreeMap<(u64, u64), (usize, Event)>,
    count: u64,
    report: Report,
}

impl Run {
    fn new(world: World) -> Self {
        Self {
            world,
            random: world.seed,
            bucket: Bucket::default(),
            pacer: Pacer::new(Moment(0)),
            left: vec![world.requests / world.rooms; world.rooms],
            events: BTreeMap::new(),
            count: 0,
            report: Report::default(),
        }
    }

    fn run(mut self) -> Report {
        for room in 0..self.world.rooms {
            self.at(0.0, room, Event::Ask);
        }
        if self.world.others.is_some() {
            self.at(1.0, 0, Event::Other);
        }
        while let Some(((micros, _), (room, event))) = self.events.pop_first() {
            let time = micros as f64 / 1e6;
            assert!(time < 1e6, "it does not end");
            self.happen(time, room, event);
            if self.left.iter().all(|left| *left == 0) {
                break;
            }
        }
        self.report
    }

    fn happen(&mut self, time: f64, room: usize, event: Event) {
        let now = Moment((time * 1e3) as u64);
        match event {
            Event::Ask => self.ask(time, room),
            Event::Slot(slot) if self.pacer.take(slot, now) => self.start(time, room),
            Event::Slot(_) => self.ask(time, room),
            Event::Arrive { started } => self.decide(time, room, started),
            Event::Accepted { started } => {
                self.pacer.accepted(started, now);
                self.left[room] -= 1;
                self.ask(time, room);
            }
            Event::Refused {
                started,
                retry_after,
            } => {
                let end = (now + retry_after).0;
                self.report.refusals.push((now.0, end));
                self.report.waits += usize::from(started.0 >= self.report.wait_ends);
                self.report.wait_ends = self.report.wait_ends.max(end);
                let jitter = Duration::from_millis(self.next() % 50);
                self.pacer.refused(
                    Refusal {
                        started,
                        answered: now,
                        retry_after,
                    },
                    jitter,
                );
                self.ask(time, room);
            }
            Event::Other => {
                if self.count_one(time).is_ok() {
                    self.report.by_others.push(time);
                }
                let gap = self.world.others.unwrap() / self.world.per_second;
                let gap = gap * (0.5 + self.fraction());
                self.at(time + gap, 0, Event::Other);
            }
        }
    }

    fn ask(&mut self, time: f64, room: usize) {
        if self.left[room] == 0 {
            return;
        }
        let now = Moment((time * 1e3) as u64);
        match self.pacer.ask(now) {
            Turn::Now => self.start(time, room),
            Turn::At(slot) => self.at(slot.at.0 as f64 / 1e3, room, Event::Slot(slot)),
            // The dispatcher needs a little to claim anew.
            Turn::Later(at) => self.at(at.0 as f64 / 1e3 + 0.003, room, Event::Ask),
        }
    }

    fn start(&mut self, time: f64, room: usize) {
        let started = Moment((time * 1e3) as u64);
        self.report.starts.push(started.0);
        let arrives = time + self.way();
        self.at(arrives, room, Event::Arrive { started });
    }

    fn decide(&mut self, time: f64, room: usize, started: Moment) {
        match self.count_one(time) {
            Ok(()) => {
                self.report.accepted.push(time);
                let back = time + self.way();
                self.at(back, room, Event::Accepted { started });
            }
            Err(seconds) => {
                let retry_after = Duration::from_millis((seconds * 1e3) as u64);
                let back = time + self.world.refusal_takes + self.way();
                self.at(
                    back,
                    room,
                    Event::Refused {
                        started,
                        retry_after,
                    },
                );
            }
        }
    }

    /// As Synapse counts.
    fn count_one(&mut self, time: f64) -> Result<(), f64> {
        let World {
            burst, per_second, ..
        } = self.world;
        let Bucket { level, at } = self.bucket;
        let level = (level - (time - at) * per_second).max(0.0);
        if level > burst - 1.0 {
            return Err((level + 1.0 - burst) / per_second);
        }
        self.bucket = Bucket {
            level: level + 1.0,
            at: time,
        };
        Ok(())
    }

    fn way(&mut self) -> f64 {
        self.world.latency + self.world.jitter * self.fraction()
    }

    fn at(&mut self, time: f64, room: usize, event: Event) {
        self.count += 1;
        let micros = (time * 1e6).ceil() as u64;
        self.events.insert((micros, self.count), (room, event));
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Report {
    /// The part of what the homeserver allowed that was used, from the first refusal to
    /// the last request.
    fn part_used(&self, world: World) -> f64 {
        let first = self.refusals[0].0 as f64 / 1e3;
        let last = *self.accepted.last().unwrap();
        let since = |times: &[f64]| times.iter().filter(|time| **time > first).count() as f64;
        let allowed = world.per_second * (last - first) - since(&self.by_others);
        since(&self.accepted) / allowed
    }

    fn keeps_to_its_waits(&self) -> bool {
        self.refusals.iter().all(|(from, to)| {
            !self
                .starts
                .iter()
                .any(|start| *start > *from && *start < *to)
        })
    }
}

/// A number from `from` to `to`, on a scale on which each doubling is as likely.
fn between(run: &mut Run, from: f64, to: f64) -> f64 {
    from * (to / from).powf(run.fraction())
}

/// Worlds of all kinds: limits from one in ten seconds to ten a second, near and far
/// homeservers that refuse at once or late, few rooms and many.
fn worlds(count: u64) -> Vec<World> {
    let mut random = Run::new(World::synapse(1, 1.0, 0));
    let mut world = |seed| {
        let per_second = between(&mut random, 0.1, 10.0);
        World {
            // More than leaks while a refusal is held back.
            burst: (4.0 + per_second + between(&mut random, 1.0, 30.0)).floor(),
            per_second,
            refusal_takes: [0.0, 0.5][(random.next() % 2) as usize],
            latency: between(&mut random, 0.001, 0.03),
            jitter: between(&mut random, 0.001, 0.03),
            rooms: 3 + (random.next() % 6) as usize,
            requests: (per_second * 100.0) as usize + 70,
            others: None,
            seed,
        }
    };
    (0..count).map(&mut world).collect()
}

#[test]
fn a_default_synapse_and_one_of_five_a_second_are_used_to_95_percent() {
    for world in [
        World::synapse(10, 0.2, 30),
        World::synapse(10, 5.0, 600),
        World::synapse(5, 5.0, 600),
        World::synapse(50, 5.0, 600),
    ] {
        let report = world.run();

        let used = report.part_used(world);
        assert!(used >= 0.97, "{used} of {world:?}");
        assert!(report.waits <= 8, "{} waits in {world:?}", report.waits);
        assert!(report.keeps_to_its_waits(), "{world:?}");
    }
}

#[test]
fn every_limit_is_learned_and_no_wait_is_broken() {
    for world in worlds(300) {
        let report = world.run();

        let used = report.part_used(world);
        assert!(used >= 0.95, "{used} of {world:?}");
        assert!(report.keeps_to_its_waits(), "{world:?}");
        // Learned, a limit is hardly met any more.
        let most = 10 + world.requests / 20;
        assert!(report.waits <= most, "{} waits in {world:?}", report.waits);
    }
}

#[test]
fn others_who_use_the_bucket_move_the_schedule() {
    let mut used = Vec::new();
    for world in worlds(100) {
        let world = World {
            others: Some(100.0),
            ..world
        };
        let report = world.run();

        assert!(report.keeps_to_its_waits(), "{world:?}");
        used.push(report.part_used(world));
    }
    // One that comes just while the limit is learned makes it look slower, for as long
    // as that is not forgotten.
    let mean = used.iter().sum::<f64>() / used.len() as f64;
    assert!(mean >= 0.95, "{mean}");
    assert!(used.iter().all(|used| *used >= 0.7), "{used:?}");
}
