//! What a homeserver is started with.

use std::time::Duration;

/// 2026-01-01T00:00:00Z: no test depends on the day it runs on.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// Settings of a [`Homeserver`](super::Homeserver); the default suits most tests.
///
/// ```
/// use matrix_bridge_testkit::homeserver::{HomeserverConfig, RateLimit, TestHomeserver};
///
/// let config = HomeserverConfig::default()
///     .server_name("example.org")
///     .rate_limit(RateLimit::synapse_default());
/// let server = TestHomeserver::with_config(config);
/// assert_eq!(server.server_name(), "example.org");
/// ```
#[derive(Clone, Debug)]
pub struct HomeserverConfig {
    pub(super) server_name: String,
    pub(super) epoch: Duration,
    pub(super) log_capacity: usize,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) max_upload: usize,
    pub(super) asks_for_dummy_auth: bool,
    pub(super) bad_token_code: &'static str,
    pub(super) timeline_limit: usize,
}

impl Default for HomeserverConfig {
    fn default() -> Self {
        Self {
            server_name: "testkit.local".to_owned(),
            epoch: EPOCH,
            log_capacity: 100_000,
            rate_limit: None,
            max_upload: 52_428_800,
            asks_for_dummy_auth: false,
            bad_token_code: "M_UNKNOWN",
            timeline_limit: 100,
        }
    }
}

impl HomeserverConfig {
    /// The name in users, rooms and aliases; `testkit.local` by default.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = name.into();
        self
    }

    /// The time since 1970 at which the server starts; 2026-01-01 by default.
    ///
    /// `origin_server_ts`, the `Date` header and `Retry-After` dates count from here.
    #[must_use]
    pub const fn epoch(mut self, epoch: Duration) -> Self {
        self.epoch = epoch;
        self
    }

    /// How many requests the log keeps, the oldest falling out; 100,000 by default.
    #[must_use]
    pub const fn log_capacity(mut self, requests: usize) -> Self {
        self.log_capacity = requests;
        self
    }

    /// Limits what each user may write; unlimited by default.
    #[must_use]
    pub const fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// The longest request body, 50 MiB by default. A longer one cuts the connection.
    #[must_use]
    pub const fn max_upload(mut self, bytes: usize) -> Self {
        self.max_upload = bytes;
        self
    }

    /// Answers a registration without `auth` with 401 and the `m.login.dummy` flow.
    ///
    /// By default such a registration simply succeeds.
    #[must_use]
    pub const fn asks_for_dummy_auth(mut self) -> Self {
        self.asks_for_dummy_auth = true;
        self
    }

    /// The code that a `since` which is no token is refused with: `M_UNKNOWN` by default,
    /// as on Synapse; other servers say `M_UNKNOWN_POS`.
    #[must_use]
    pub const fn bad_token_code(mut self, errcode: &'static str) -> Self {
        self.bad_token_code = errcode;
        self
    }

    /// The most events of a room in one sync, however many its filter asks for; 100 by
    /// default, as on Synapse.
    #[must_use]
    pub const fn timeline_limit(mut self, events: usize) -> Self {
        self.timeline_limit = events;
        self
    }
}

/// How much a user may write: one bucket for messages, state, redactions, new rooms
/// and memberships, as in Synapse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Writes that pass at once.
    pub burst: u32,
    /// Writes that become possible again per second.
    pub per_second: f64,
    /// How long the server takes to say 429.
    pub refusal_takes: Duration,
}

impl RateLimit {
    /// A bucket of `burst` writes that refills with `per_second`, refusing at once.
    #[must_use]
    pub const fn new(burst: u32, per_second: f64) -> Self {
        Self {
            burst,
            per_second,
            refusal_takes: Duration::ZERO,
        }
    }

    /// What was measured on a Synapse without settings: 10 writes, then 0.2 a second,
    /// each refusal taking half a second.
    #[must_use]
    pub const fn synapse_default() -> Self {
        Self {
            burst: 10,
            per_second: 0.2,
            refusal_takes: Duration::from_millis(500),
        }
    }
}
