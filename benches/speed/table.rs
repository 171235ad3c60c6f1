//! Rounds, what they come to, and what they are to come to.

use std::fmt;

/// Both sides of one round, in the unit of its line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) ours: f64,
    pub(crate) baseline: f64,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.ours / self.baseline
    }
}

/// What the ratio of ours to the baseline is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// It is shown, and may be anything.
    None,
}

/// One question and one baseline.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) question: String,
    pub(crate) baseline: String,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    pub(crate) rounds: Vec<Round>,
}

impl Line {
    /// The median of the ratios, the least and the greatest of them.
    pub(crate) fn ratios(&self) -> (f64, f64, f64) {
        let ratios = self.sorted(Round::ratio);
        let ends = ratios.first().zip(ratios.last());
        let (least, most) = ends.map_or((f64::NAN, f64::NAN), |(least, most)| (*least, *most));
        (median(&ratios), least, most)
    }

    pub(crate) fn is_missed(&self) -> bool {
        let (ratio, ..) = self.ratios();
        // What was not measured met nothing.
        match self.target {
            Target::AtLeast(least) => ratio.is_nan() || ratio < least,
            Target::AtMost(most) => ratio.is_nan() || ratio > most,
            Target::None => false,
        }
    }

    fn sorted(&self, number: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.rounds.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }
}

/// The names of the columns, in Markdown.
pub(crate) const HEAD: &str = "\
| question                     | baseline             |    ours | baseline | unit      | ratio | least..most  | target    |        |
|------------------------------|----------------------|--------:|---------:|-----------|------:|--------------|-----------|--------|";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ratio, least, most) = self.ratios();
        let verdict = match (self.target, self.is_missed()) {
            (Target::None, _) => "",
            (_, true) => "MISSED",
            (_, false) => "met",
        };
        write!(
            f,
            "| {:28} | {:20} | {:>7} | {:>8} | {:9} | {ratio:>5.2} | {:12} | {:9} | {verdict:6} |",
            self.question,
            self.baseline,
            shown(median(&self.sorted(|round| round.ours))),
            shown(median(&self.sorted(|round| round.baseline))),
            self.unit,
            format!("{least:.2}..{most:.2}"),
            self.target.to_string(),
        )
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::None => Ok(()),
        }
    }
}

/// With as many digits as say something.
fn shown(number: f64) -> String {
    if number < 100.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.0}")
    }
}

/// The one in the middle; the upper one of two.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
