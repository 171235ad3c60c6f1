//! What rounds came to.

use std::fmt;
use std::ops::AddAssign;

use matrix_bridge_harness::Verdict;

/// The figures of a round, or of many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    pub(crate) acts: Acts,
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Acts {
    /// SIGKILL of the bot.
    pub(crate) kills: u64,
    /// SIGTERM, and waiting for the end.
    pub(crate) stops: u64,
    /// SIGSTOP, and SIGCONT later.
    pub(crate) pauses: u64,
    /// SIGKILL of the homeserver.
    pub(crate) homeserver_kills: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        let Self { verdict, acts } = other;
        self.verdict += verdict;
        self.acts += acts;
    }
}

impl AddAssign for Acts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            kills,
            stops,
            pauses,
            homeserver_kills,
        } = other;
        self.kills += kills;
        self.stops += stops;
        self.pauses += pauses;
        self.homeserver_kills += homeserver_kills;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verdict:
                Verdict {
                    questions,
                    answers,
                    lost,
                    doubled,
                    misplaced,
                    disordered,
                },
            acts:
                Acts {
                    kills,
                    stops,
                    pauses,
                    homeserver_kills,
                },
        } = self;
        write!(
            f,
            "{kills} kills, {stops} stops, {pauses} pauses, {homeserver_kills} kills of the homeserver; {questions} \
             questions, {answers} answers, {lost} lost, {doubled} doubled, {misplaced} misplaced, {disordered} out \
             of order"
        )
    }
}
