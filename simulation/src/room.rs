//! A room, what was asked in it, and what befell it.

use matrix_bridge_testkit::homeserver::TimelineEvent;

use crate::question::Question;

/// What the bot may do in a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Active,
    Shadow,
    Off,
}

/// A room of the day.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    /// In the order of the room.
    pub(crate) questions: Vec<Question>,
    /// Counts what changed for the bot in this room: kicks, joins, encryption, its end,
    /// a backup that was restored, a night.
    /// What was asked before such a change and not yet handled may stay unanswered.
    pub(crate) era: usize,
    /// The era that began with the end of the last night.
    pub(crate) morning: usize,
    pub(crate) is_encrypted: bool,
    pub(crate) is_replaced: bool,
    /// What the bot had said when the homeserver was last restored from a backup.
    pub(crate) past: Vec<TimelineEvent>,
}

impl Room {
    pub(crate) const fn new(id: String, mode: Mode) -> Self {
        Self {
            id,
            mode,
            questions: Vec::new(),
            era: 0,
            morning: 0,
            is_encrypted: false,
            is_replaced: false,
            past: Vec::new(),
        }
    }

    /// Whether something befell it after which nothing is the same.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_encrypted || self.is_replaced
    }
}
