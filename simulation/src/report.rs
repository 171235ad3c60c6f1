//! What a day came to.

use std::{fmt, ops::AddAssign, time::Duration};

/// What one day came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What was wrong; empty on a good day.
    pub objections: Vec<String>,
    /// How much there was of everything.
    pub totals: Totals,
    /// All that happened, if it was asked for.
    pub trace: Option<String>,
}

impl Report {
    /// A day that broke off in a panic.
    #[must_use]
    pub fn panicked(seed: u64) -> Self {
        Self::bad(seed, "the day broke off in a panic".to_owned())
    }

    pub(crate) fn bad(seed: u64, objection: String) -> Self {
        Self {
            seed,
            objections: vec![objection],
            totals: Totals::default(),
            trace: None,
        }
    }
}

/// How much there was of everything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Days.
    pub seeds: u64,
    /// Virtual time.
    pub span: Duration,
    /// Things that went wrong.
    pub faults: u64,
    /// Messages of people that were for the bot, where it could see them.
    pub questions: u64,
    /// Requests of the bot.
    pub requests: u64,
    /// Calls of the store.
    pub store_calls: u64,
    /// Starts of processes after the first.
    pub restarts: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let Self {
            seeds,
            span,
            faults,
            questions,
            requests,
            store_calls,
            restarts,
        } = other;
        self.seeds += seeds;
        self.span += span;
        self.faults += faults;
        self.questions += questions;
        self.requests += requests;
        self.store_calls += store_calls;
        self.restarts += restarts;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seeds,
            span,
            faults,
            questions,
            requests,
            store_calls,
            restarts,
        } = self;
        let hours = span.as_secs() / 3_600;
        write!(
            f,
            "{seeds} seeds, {hours} virtual hours, {faults} faults, {questions} questions, \
             {requests} requests, {store_calls} store calls, {restarts} restarts"
        )
    }
}
