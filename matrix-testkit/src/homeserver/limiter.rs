//! The buckets: how often who may do what.

use std::{collections::BTreeMap, time::Duration};

use super::config::{LimitClass, RateLimit};

/// Whose bucket of which kind.
pub(crate) type Key = (LimitClass, String);

/// How full each bucket is.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    buckets: BTreeMap<Key, Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    level: f64,
    at: Duration,
}

impl Limiter {
    /// Says how long `key` must wait, if they must.
    ///
    /// This counts nothing: hammering does not lengthen the wait (measured).
    pub(crate) fn check(&self, limit: RateLimit, key: &Key, now: Duration) -> Result<(), Duration> {
        let over = self.level(limit, key, now) + 1.0 - f64::from(limit.burst);
        // A millionth forgives the rounding, not a write.
        if over > 1e-6 {
            let seconds = (over / limit.per_second).min(1e9);
            return Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        Ok(())
    }

    /// Counts one more.
    pub(crate) fn count(&mut self, limit: RateLimit, key: Key, now: Duration) {
        let level = self.level(limit, &key, now) + 1.0;
        self.buckets.insert(key, Bucket { level, at: now });
    }

    fn level(&self, limit: RateLimit, key: &Key, now: Duration) -> f64 {
        let bucket = self.buckets.get(key).copied().unwrap_or_default();
        let drained = now.saturating_sub(bucket.at).as_secs_f64() * limit.per_second;
        (bucket.level - drained).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(limiter: &mut Limiter, limit: RateLimit, seconds: u64) -> Result<(), Duration> {
        let (key, now) = (
            (LimitClass::Writes, "@a:b".to_owned()),
            Duration::from_secs(seconds),
        );
        limiter.check(limit, &key, now)?;
        limiter.count(limit, key, now);
        Ok(())
    }

    #[test]
    fn a_full_bucket_says_when_the_next_write_fits() {
        let limit = RateLimit::new(2, 0.2);
        let mut limiter = Limiter::default();
        let mut count = |seconds| write(&mut limiter, limit, seconds);

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
        let mut count = |seconds| write(&mut limiter, limit, seconds);

        assert_eq!(count(0), Ok(()));
        assert_eq!(count(3600), Ok(()));
        assert_eq!(count(3600), Ok(()));
        assert_eq!(count(3600), Err(Duration::from_secs(5)));
    }
}
