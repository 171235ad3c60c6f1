//! Rounds, and what they come to.

use std::fmt;

use crate::Took;

/// The names of what [`Rounds`] shows.
pub(crate) const HEAD: &str = "\
question  of            ours/s  baseline/s  ratio (median)  min..max
--------  --------  ----------  ----------  --------------  ------------";

/// The rates of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    ours: f64,
    baseline: f64,
}

impl Round {
    /// The baseline was measured before and after ours.
    pub(crate) fn new(ours: &Took, baselines: [Took; 2]) -> Self {
        let count = baselines.iter().map(|took| took.count).sum();
        let span = baselines.iter().map(|took| took.span).sum();
        Self {
            ours: rate(ours),
            baseline: rate(&Took::new(count, span)),
        }
    }

    fn ratio(&self) -> f64 {
        self.ours / self.baseline
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted stays far below 2^52"
)]
fn rate(took: &Took) -> f64 {
    took.count as f64 / took.span.as_secs_f64()
}

/// The rounds of one question; shows itself as a row of the table.
#[derive(Debug)]
pub(crate) struct Rounds {
    question: &'static str,
    of: &'static str,
    rounds: Vec<Round>,
}

impl Rounds {
    pub(crate) const fn of(question: &'static str, of: &'static str) -> Self {
        Self {
            question,
            of,
            rounds: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    /// One number of all rounds, in ascending order.
    fn sorted(&self, number: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.rounds.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratios = self.sorted(Round::ratio);
        let (Some(min), Some(max)) = (ratios.first(), ratios.last()) else {
            return Ok(());
        };
        write!(
            f,
            "{:8}  {:8}  {:>10.0}  {:>10.0}  {:>14.3}  {min:.3}..{max:.3}",
            self.question,
            self.of,
            median(&self.sorted(|round| round.ours)),
            median(&self.sorted(|round| round.baseline)),
            median(&ratios),
        )
    }
}

/// The one in the middle; the upper one of two.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
