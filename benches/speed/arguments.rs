//! What is asked for.

use std::{path::PathBuf, str::FromStr};

use crate::homeserver::pages::News;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// How often each side is measured.
    pub(crate) rounds: usize,
    /// News from few rooms, and as many from many.
    pub(crate) news: [News; 2],
    /// Rooms that messages go to.
    pub(crate) lanes: usize,
    /// Messages to each of them.
    pub(crate) messages: usize,
    /// Messages to a single room.
    pub(crate) in_order: usize,
    /// Events that were handled: few and many.
    pub(crate) marks: [usize; 2],
    /// Rows in the outbox: few and many.
    pub(crate) rows: [usize; 2],
    /// Rooms in which the first of the many waits.
    pub(crate) stuck: usize,
}

impl Sizes {
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        news: [
            News {
                rooms: 100,
                events: 10,
                pages: 50,
            },
            News {
                rooms: 1_000,
                events: 10,
                pages: 5,
            },
        ],
        lanes: 50,
        messages: 100,
        in_order: 2_000,
        marks: [10_000, 10_000_000],
        rows: [1_000, 1_000_000],
        stuck: 10_000,
    };

    /// Enough to see that it works, for `cargo test --benches`.
    const SMALL: Self = Self {
        rounds: 1,
        news: [
            News {
                rooms: 4,
                events: 5,
                pages: 6,
            },
            News {
                rooms: 12,
                events: 5,
                pages: 2,
            },
        ],
        lanes: 4,
        messages: 5,
        in_order: 20,
        marks: [100, 1_000],
        rows: [100, 1_000],
        stuck: 20,
    };
}

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Question {
    Ingest,
    Memory,
    Sends,
    Order,
    Marks,
    Claim,
    Workers,
}

impl Question {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ingest,
        Self::Memory,
        Self::Sends,
        Self::Order,
        Self::Marks,
        Self::Claim,
        Self::Workers,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Memory => "memory",
            Self::Sends => "sends",
            Self::Order => "order",
            Self::Marks => "marks",
            Self::Claim => "claim",
            Self::Workers => "workers",
        }
    }
}

impl FromStr for Question {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no question is called `{name}`; there are {known}")
        })
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) sizes: Sizes,
    /// Whether a target that is missed is a failure: the sizes are those it is set for.
    pub(crate) is_full: bool,
    pub(crate) questions: Vec<Question>,
    /// The question of which only our side is run.
    pub(crate) profile: Option<Question>,
    /// The program that measures matrix-sdk.
    pub(crate) rival: Option<PathBuf>,
    /// The database that several bots share; without one nobody asks about them.
    pub(crate) postgres: Option<String>,
    /// The folder that table and plot are written to.
    pub(crate) write: Option<PathBuf>,
    /// The homeserver that a process of its own takes everything in from, once.
    pub(crate) alone: Option<String>,
}

/// Reads the arguments. Cargo adds `--bench` where it is not just a test.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut read = Arguments {
        sizes: Sizes::SMALL,
        is_full: false,
        questions: Vec::new(),
        profile: None,
        rival: None,
        postgres: None,
        write: None,
        alone: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.ok_or_else(|| format!("`{argument}` takes a value"))
        };
        match argument.as_str() {
            "--bench" => (read.sizes, read.is_full) = (Sizes::FULL, true),
            "--only" => read.questions.push(value()?.parse()?),
            "--profile" => read.profile = Some(value()?.parse()?),
            "--rival" => read.rival = Some(value()?.into()),
            "--postgres" => read.postgres = Some(value()?),
            "--write" => read.write = Some(value()?.into()),
            "--alone" => read.alone = Some(value()?),
            other => {
                return Err(format!(
                    "`{other}` is not known; there are `--only`, `--profile`, `--rival`, \
                     `--postgres` and `--write`"
                ));
            }
        }
    }
    if read.questions.is_empty() {
        read.questions.extend(Question::ALL);
    }
    Ok(read)
}
