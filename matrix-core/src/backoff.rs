//! How long to wait before trying again.

use std::{fmt, time::Duration};

/// Says how long to wait after a failure.
pub trait RetryPolicy: fmt::Debug + Send + Sync + 'static {
    /// The wait after the `attempt`th failure in a row, counted from 1.
    ///
    /// `random` is a number all of whose values are equally likely; the same arguments
    /// give the same wait.
    fn delay(&self, attempt: u32, random: u64) -> Duration;
}

/// Doubles from `base` up to `cap`, with full jitter: any wait between nothing and that
/// is equally likely, so that many clients do not come back at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait at all.
    pub cap: Duration,
}

impl Backoff {
    /// For a homeserver that is away: up to 15 s, so that it is soon noticed to be back.
    pub const RECONNECT: Self = Self {
        base: Duration::from_millis(500),
        cap: Duration::from_secs(15),
    };
    /// For a row on which the homeserver fails: up to a minute.
    pub const ROW: Self = Self {
        base: Duration::from_millis(500),
        cap: Duration::from_secs(60),
    };
}

impl RetryPolicy for Backoff {
    fn delay(&self, attempt: u32, random: u64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        scaled(longest, random)
    }
}

/// `longest` times a fraction of one, as `random` says.
pub(crate) fn scaled(longest: Duration, random: u64) -> Duration {
    let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    // Multiplying before shifting keeps every value equally likely.
    let millis = (u128::from(longest) * u128::from(random)) >> 64;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// A host's own [`backoff::ExponentialBackoff`] as the policy.
///
/// Its intervals, multiplier and randomization factor are used; the state it keeps
/// between calls is not, and it never gives up: `max_elapsed_time` has no say, since an
/// outage is no reason to lose a message.
#[cfg(feature = "backoff")]
impl RetryPolicy for backoff::ExponentialBackoff {
    fn delay(&self, attempt: u32, random: u64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1).min(64)).unwrap_or(64);
        let grown = self.initial_interval.as_secs_f64() * self.multiplier.powi(exponent);
        let interval = grown.min(self.max_interval.as_secs_f64());
        let spread = interval * self.randomization_factor;
        let lowest = interval - spread;
        // 53 bits are what a float holds exactly.
        let fraction = (random >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::try_from_secs_f64((lowest + 2.0 * spread * fraction).max(0.0))
            .unwrap_or(self.max_interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_cap_and_is_spread_in_full() {
        let longest = |attempt| Backoff::RECONNECT.delay(attempt, u64::MAX).as_millis();

        assert_eq!(
            [1, 2, 3, 5, 6, 99].map(longest),
            [499, 999, 1_999, 7_999, 14_999, 14_999]
        );
        assert_eq!(Backoff::RECONNECT.delay(99, 0), Duration::ZERO);
        assert_eq!(Backoff::RECONNECT.delay(1, u64::MAX / 2).as_millis(), 249);
    }

    #[cfg(feature = "backoff")]
    #[test]
    fn a_hosts_own_backoff_gives_its_intervals() {
        let own = backoff::ExponentialBackoff {
            initial_interval: Duration::from_secs(1),
            multiplier: 2.0,
            randomization_factor: 0.5,
            max_interval: Duration::from_secs(10),
            ..Default::default()
        };

        assert_eq!(own.delay(1, 0), Duration::from_millis(500));
        assert_eq!(own.delay(3, 0), Duration::from_secs(2));
        assert_eq!(own.delay(64, 0), Duration::from_secs(5));
    }
}
