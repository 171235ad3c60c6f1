//! Time as an argument: a clock is handed in, never read from the machine here.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time that passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

/// Milliseconds of the [steady](Clock::steady) clock. What lasts no longer than the
/// process is measured with it, so that nobody who sets the machine's clock changes it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    /// The time that passed since `earlier`; zero if `earlier` is later.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the time and waits.
///
/// A host uses the system's clock (`matrix_bridge_client::SystemClock`), a test one
/// that it moves itself.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now. It may jump, also backwards.
    fn now(&self) -> Timestamp;

    /// The time since some moment in the past, the same one for as long as the process
    /// lives. It never jumps, whatever [`now`](Self::now) does.
    fn steady(&self) -> Duration;

    /// Returns after `span`, whatever [`now`](Self::now) says meanwhile.
    async fn sleep(&self, span: Duration);
}

/// Gives the random numbers that spread retries over time.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// The next number, all values equally likely.
    fn next_u64(&self) -> u64;
}
