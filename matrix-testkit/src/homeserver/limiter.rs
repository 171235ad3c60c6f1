//! The bucket of writes, one for each user.

use std::{collections::BTreeMap, time::Duration};

use super::config::RateLimit;

/// How full each user's bucket is.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    level: f64,
    at: Duration,
}

impl Limiter {
    /// Counts one write of `user`, or says how long they must wait.
    ///
    /// A refused write counts nothing: hammering does not lengthen the wait (measured).
    pub(crate) fn count(
        &mut self,
        limit: RateLimit,
        user: &str,
        now: Duration,
    ) -> Result<(), Duration> {
        let bucket = self.buckets.entry(user.to_owned()).or_default();
        let drained = now.saturating_sub(bucket.at).as_secs_f64() * limit.per_second;
        let level = (bucket.level - drained).max(0.0);
        let over = level + 1.0 - f64::from(limit.burst);
        // A millionth forgives the rounding, not a write.
        if over > 1e-6 {
            let seconds = (over / limit.per_second).min(1e9);
            return Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        *bucket = Bucket {
            level: level + 1.0,
            at: now,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_says_when_the_next_write_fits() {
        let limit = RateLimit::new(2, 0.2);
        let mut limiter = Limiter::default();
        let mut count = |seconds| limiter.count(limit, "@a:b", Duration::from_secs(seconds));

        assert_eq!(count(0), Ok(()));
        assert_eq!(count(0), Ok(()));
        assert_eq!(count(0), Err(Duration::from_secs(5)));
        assert_eq!(count(4), Err(Duration::from_secs(1)));
        assert_eq!(count(5), Ok(()));
    }

    #[test]
    fn a_long_rest_saves_up_no_more_than_the_burst() {
        let limit = RateLimit::new(2, 0.2);
        let mut limiter = Limiter::default();
        let mut count = |seconds| limiter.count(limit, "@a:b", Duration::from_secs(seconds));

        assert_eq!(count(0), Ok(()));
        assert_eq!(count(3600), Ok(()));
        assert_eq!(count(3600), Ok(()));
        assert_eq!(count(3600), Err(Duration::from_secs(5)));
    }
}
