//! What a target is, and which there are.

use std::time::Duration;

use crate::targets::{
    answer, command, configuration, engine, event, messages, raw_json, row_body, store_file,
    store_value, sync_body, sync_event,
};

/// A parser of outside input, as a function of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads the input; panics when something does not hold that must.
    pub run: fn(&[u8]),
    /// What its inputs look like.
    pub grammar: Grammar,
    /// How many times it copies its input before anything is read.
    pub copies: usize,
    /// How much memory a run takes by itself, in bytes; ten times the input comes on top.
    pub memory: usize,
    /// How much processor time a run takes by itself; the input's comes on top.
    pub time: Duration,
}

/// What inputs look like, so that they can be changed into odd but legal ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grammar {
    /// JSON, maybe with lines of something else around it.
    Json,
    /// TOML.
    Toml,
    /// No text at all.
    Bytes,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Target {
    /// Every target.
    pub const ALL: [Self; 12] = [
        Self::plain("sync_body", sync_body::run),
        Self {
            copies: 12,
            ..Self::plain("sync_event", sync_event::run)
        },
        Self {
            // So much does a list take where something else is expected, read whole.
            copies: 5,
            ..Self::plain("event", event::run)
        },
        Self::plain("messages", messages::run),
        Self::plain("raw_json", raw_json::run),
        Self::plain("row_body", row_body::run),
        Self::plain("answer", answer::run),
        Self {
            memory: 2 * MIB,
            ..Self::plain("command", command::run)
        },
        Self {
            grammar: Grammar::Toml,
            // So much does the parser hold of a long dotted key. The file is the operator's
            // own, and a MiB at most.
            copies: 20,
            ..Self::plain("configuration", configuration::run)
        },
        Self {
            memory: 4 * MIB,
            // Days go by in it.
            time: Duration::from_secs(5),
            copies: 6,
            ..Self::plain("engine", engine::run)
        },
        Self {
            memory: 4 * MIB,
            time: Duration::from_millis(50),
            ..Self::plain("store_value", store_value::run)
        },
        Self {
            grammar: Grammar::Bytes,
            memory: 4 * MIB,
            time: Duration::from_millis(50),
            ..Self::plain("store_file", store_file::run)
        },
    ];

    /// The target of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name == name)
    }

    const fn plain(name: &'static str, run: fn(&[u8])) -> Self {
        Self {
            name,
            run,
            grammar: Grammar::Json,
            copies: 1,
            memory: 64 * KIB,
            time: Duration::ZERO,
        }
    }
}
