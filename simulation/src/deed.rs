//! What people and misfortune do, drawn from the seed.

use std::time::Duration;

use http::StatusCode;
use matrix_bridge_testkit::{
    crash::Side,
    homeserver::{Endpoint, Fault, RateLimitForm},
    virtual_time::SeededRandom,
};

use crate::{disk::Weather, room::Mode, scale::Scale, script::Act};

/// One thing that happens at its time.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A person says something in a room.
    Speak,
    /// Requests are going to fail.
    Fault(Box<Fault>),
    /// The homeserver is away for so long.
    Away(Duration),
    ComeBack,
    /// The homeserver's process is restarted.
    Restart,
    /// The bot's process is killed, and started again after so long.
    Kill(Duration),
    /// The bot's process is told to stop, and started again after so long.
    Stop(Duration),
    /// From the next start on the process dies at that step.
    DieAt(u64, Side),
    Start,
    /// Another process works on the same store for so long.
    Second(Duration),
    EndSecond,
    Disk(Weather, Duration),
    /// The machine's clock is wrong for so long.
    Clock {
        by: Duration,
        ahead: bool,
        span: Duration,
    },
    ClockRight,
    /// The bot's account is of no use for so long.
    Account(Trouble, Duration),
    AccountGood,
    /// The store's sync token becomes another one.
    Position(&'static str),
    /// The homeserver's disk is copied, or is that copy again.
    BackUp,
    RollBack(Duration),
    RolledBack,
    /// Nobody is there for more than a day.
    Night,
    /// Something befalls a room.
    Room(Fall),
    /// A room that the bot was thrown out of asks for it again.
    Reinvite(usize),
}

/// What can be wrong with the account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    Revoked,
    SoftLoggedOut,
    Locked,
    Suspended,
}

/// What can befall a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fall {
    Kick,
    Ban,
    Encryption,
    Upgrade,
}

/// Draws what happens.
#[derive(Debug)]
pub(crate) struct Fate {
    dice: SeededRandom,
    spoken: u64,
}

/// Sync tokens of nobody, of long ago, of another account, of a time to come.
const POSITIONS: [&str; 5] = ["nonsense", "", "s3", "s40", "s99999999"];

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// How wrong the machine's clock may be, in milliseconds.
pub(crate) const MOST_WRONG: u64 = 60 * MINUTE;

impl Fate {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            dice: SeededRandom::new(seed),
            spoken: 0,
        }
    }

    /// A number below `bound`.
    pub(crate) fn pick(&self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound.max(1) as u64)).unwrap_or_default()
    }

    fn millis(&self, longest: u64) -> Duration {
        Duration::from_millis(self.dice.below(longest.max(1)))
    }

    fn one_in(&self, count: u64) -> bool {
        self.dice.below(count) == 0
    }

    /// What the bot may do in a room.
    pub(crate) fn mode(&self) -> Mode {
        match self.dice.below(10) {
            0 => Mode::Shadow,
            1 => Mode::Off,
            _ => Mode::Active,
        }
    }

    /// All that is going to happen by itself, and when. People come in waves, and
    /// misfortune likes to come while they are there.
    pub(crate) fn plan(&self, scale: &Scale) -> Vec<(Duration, Deed)> {
        let span = u64::try_from(scale.span.as_millis()).unwrap_or(MINUTE);
        let waves: Vec<_> = (0..3 + self.pick(8))
            .map(|_| self.dice.below(span))
            .collect();
        let near_wave = |spread: u64| {
            let wave = waves
                .get(self.pick(waves.len()))
                .copied()
                .unwrap_or_default();
            Duration::from_millis((wave + self.dice.below(spread)).min(span))
        };
        let spread = (scale.messages * SECOND).max(2 * MINUTE);
        let night = self.one_in(8).then(|| (self.millis(span), Deed::Night));
        let mut plan: Vec<_> = (0..scale.messages)
            .map(|_| (near_wave(spread), Deed::Speak))
            .collect();
        for _ in 0..scale.faults {
            let at = if self.one_in(4) {
                self.millis(span)
            } else {
                near_wave(spread)
            };
            plan.push((at, self.misfortune()));
        }
        plan.extend(night);
        plan
    }

    fn misfortune(&self) -> Deed {
        match self.dice.below(1_000) {
            0..600 => Deed::Fault(Box::new(self.fault())),
            600..640 => Deed::Away(self.millis(3 * MINUTE)),
            640..680 => Deed::Restart,
            680..740 => Deed::Kill(self.millis(MINUTE)),
            740..760 => Deed::Stop(self.millis(MINUTE)),
            760..860 => Deed::DieAt(self.dice.below(150), self.side()),
            860..880 => Deed::Second(self.millis(5 * MINUTE)),
            880..940 => Deed::Disk(self.weather(), self.millis(MINUTE)),
            940..955 => self.clock(),
            955..965 => Deed::Account(self.trouble(), self.millis(10 * MINUTE)),
            965..970 => Deed::Position(POSITIONS[self.pick(POSITIONS.len())]),
            970..975 => Deed::BackUp,
            975..980 => Deed::RollBack(Duration::from_secs(120) + self.millis(3 * MINUTE)),
            _ => Deed::Room(self.fall()),
        }
    }

    fn side(&self) -> Side {
        if self.one_in(2) {
            Side::Before
        } else {
            Side::After
        }
    }

    fn weather(&self) -> Weather {
        match self.dice.below(3) {
            0 => Weather::Slow(self.millis(2 * SECOND)),
            1 => Weather::Away,
            _ => Weather::Flaky,
        }
    }

    fn clock(&self) -> Deed {
        Deed::Clock {
            by: self.millis(MOST_WRONG),
            ahead: self.one_in(2),
            span: self.millis(20 * MINUTE),
        }
    }

    fn trouble(&self) -> Trouble {
        match self.dice.below(4) {
            0 => Trouble::Revoked,
            1 => Trouble::SoftLoggedOut,
            2 => Trouble::Locked,
            _ => Trouble::Suspended,
        }
    }

    fn fall(&self) -> Fall {
        match self.dice.below(8) {
            0 => Fall::Ban,
            1 => Fall::Encryption,
            2 => Fall::Upgrade,
            _ => Fall::Kick,
        }
    }

    fn fault(&self) -> Fault {
        let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
        let seconds = self.millis(40 * SECOND);
        let fault = match self.dice.below(20) {
            0 => Fault::refused(),
            1 => Fault::cut_before_acting(),
            2 | 3 => Fault::cut_after_acting(),
            4 => Fault::silent_before_acting(),
            5 => Fault::silent_after_acting(),
            6 => Fault::late_reply(seconds),
            7 => Fault::late_action(seconds),
            8 | 9 => Fault::rate_limited(self.limit()),
            10 => Fault::error(status(500), "M_UNKNOWN"),
            11 => Fault::page(status(502)),
            12 => Fault::page(status(200)),
            13 => Fault::page(status(503)).after_acting(),
            14 => Fault::torn_body(),
            15 => Fault::half_body(),
            16 => Fault::doubled_request(),
            17 => return Fault::limited_timeline(1 + self.pick(4)),
            18 => return Fault::error(status(400), "M_UNKNOWN").on(Endpoint::Sync),
            _ => return Fault::repeated_batch(),
        };
        let endpoint = match self.dice.below(12) {
            0..5 => Endpoint::Send,
            5..9 => Endpoint::Sync,
            9 => Endpoint::State,
            10 => Endpoint::Whoami,
            _ => Endpoint::Redact,
        };
        let roll = |bound| u32::try_from(self.dice.below(bound)).unwrap_or_default();
        fault.on(endpoint).skip(roll(4)).times(1 + roll(4))
    }

    /// From a millisecond to a day; long ones are rare, or nothing else would happen.
    fn limit(&self) -> RateLimitForm {
        let doublings = match self.dice.below(300) {
            0 => 27,
            1..10 => 22,
            _ => 15,
        };
        let wait = Duration::from_millis(1 << self.dice.below(doublings));
        match self.dice.below(5) {
            0 => RateLimitForm::HeaderSeconds(wait.as_secs()),
            1 => RateLimitForm::NoTime,
            _ => RateLimitForm::BodyOnly(wait),
        }
    }

    /// A new message, nothing like those before. `own` are messages of the bot's that
    /// are there to be changed.
    pub(crate) fn message(&mut self, own: &[String]) -> Vec<Act> {
        self.spoken += 1;
        let text = || self.spoken.to_string();
        let own = own.get(self.pick(own.len())).cloned();
        let reply = Act::Reply(text());
        match (self.dice.below(40), own) {
            (0..3, _) => Vec::new(),
            (3, _) => vec![reply, Act::Fail],
            (4, _) => vec![reply, Act::Panic],
            (5, _) if self.one_in(3) => vec![Act::Hang],
            (6, _) => vec![Act::Retry(2 + u32::from(self.one_in(2))), reply],
            (7..12, _) => vec![Act::Slow(self.dice.below(8 * SECOND)), reply],
            (12, _) => vec![
                Act::Slow(self.dice.below(90 * SECOND).min(50 * SECOND)),
                reply,
            ],
            (13..16, _) => vec![reply, Act::Say(text()), Act::React("ok".to_owned())],
            (16..19, Some(target)) => {
                let text = text();
                vec![Act::Edit { target, text }]
            }
            (19, Some(target)) => vec![Act::Redact { target }, reply],
            (20, _) => vec![Act::Big, reply],
            (22, _) => vec![Act::Brief(text()), reply],
            (21, _) => {
                let text = |part| Act::Say(format!("{}.{part}", self.spoken));
                (0..2 + self.pick(6)).map(text).collect()
            }
            _ => vec![reply],
        }
    }
}
