//! How much was done, in which time.

use std::{fmt, time::Duration};

/// How much was done, in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    count: usize,
    span: Duration,
    /// Calls that wrote to the store, and the commits they were grouped into.
    writes: Option<(u64, u64)>,
}

impl Took {
    pub(crate) const fn new(count: usize, span: Duration) -> Self {
        Self {
            count,
            span,
            writes: None,
        }
    }

    pub(crate) const fn with_writes(self, calls: u64, commits: u64) -> Self {
        Self {
            writes: Some((calls, commits)),
            ..self
        }
    }

    /// Both as one.
    pub(crate) fn and(self, other: Self) -> Self {
        Self::new(self.count + other.count, self.span + other.span)
    }

    /// So many in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.number() / self.span.as_secs_f64()
    }

    /// So many microseconds for one.
    pub(crate) fn cost(&self) -> f64 {
        self.span.as_secs_f64() * 1e6 / self.number()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what is counted stays far below 2^52"
    )]
    const fn number(&self) -> f64 {
        self.count as f64
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:.2?}", self.count, self.span)?;
        match self.writes {
            Some((calls, commits)) => write!(f, ", {calls} writing calls in {commits} commits"),
            None => Ok(()),
        }
    }
}
