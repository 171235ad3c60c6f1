//! A message of a person's, and what it must lead to.

use crate::script::Act;

/// A message of a person's.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) event: String,
    pub(crate) acts: Vec<Act>,
    /// Whether the bot was there to hear it and may work there.
    pub(crate) is_due: bool,
    /// Whether a homeserver that was restored from a backup has forgotten it.
    pub(crate) is_gone: bool,
    /// The era of its room in which it was asked.
    pub(crate) era: usize,
}

/// Something of the bot's that people see in a room.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Output {
    Reply { to: String, text: String },
    Say { text: String },
    React { to: String, key: String },
    Edit { target: String, text: String },
    Redact { target: String },
}

impl Question {
    /// What people see of a good answer, in order. What is too large they do not see.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        let parks_silently = |act: &Act| matches!(act, Act::Panic | Act::Hang);
        if self.acts.iter().any(parks_silently) {
            return Vec::new();
        }
        let until_failure = self.acts.iter().take_while(|act| **act != Act::Fail);
        until_failure.filter_map(|act| self.output(act)).collect()
    }

    /// Whether it is put aside for a person.
    pub(crate) fn is_parked(&self) -> bool {
        self.acts.iter().any(Act::parks)
    }

    /// How many requests of its answer are put aside, though it is answered.
    pub(crate) fn parked_rows(&self) -> usize {
        self.acts.iter().filter(|act| **act == Act::Big).count()
    }

    /// Whether something in its answer may come too late.
    pub(crate) fn is_brief(&self) -> bool {
        self.acts.iter().any(|act| matches!(act, Act::Brief(_)))
    }

    /// Whether it is the part of the answer that may come too late.
    pub(crate) fn is_brief_text(&self, output: &Output) -> bool {
        let mut acts = self.acts.iter();
        matches!(output, Output::Say { text }
            if acts.any(|act| matches!(act, Act::Brief(brief) if brief == text)))
    }

    fn output(&self, act: &Act) -> Option<Output> {
        Some(match act.clone() {
            Act::Reply(text) => Output::Reply {
                to: self.event.clone(),
                text,
            },
            Act::Say(text) | Act::Brief(text) => Output::Say { text },
            Act::React(key) => Output::React {
                to: self.event.clone(),
                key,
            },
            Act::Edit { target, text } => Output::Edit { target, text },
            Act::Redact { target } => Output::Redact { target },
            Act::Big | Act::Slow(_) | Act::Retry(_) | Act::Fail | Act::Panic | Act::Hang => {
                return None;
            }
        })
    }
}
