//! What a homeserver is started with.

use std::{collections::BTreeMap, time::Duration};

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
    pub(super) limits: BTreeMap<LimitClass, RateLimit>,
    pub(super) max_upload: usize,
    pub(super) asks_for_dummy_auth: bool,
    pub(super) bad_token_code: &'static str,
    pub(super) timeline_limit: usize,
    pub(super) remembers_transactions: bool,
}

impl Default for HomeserverConfig {
    fn default() -> Self {
        Self {
            server_name: "testkit.local".to_owned(),
            epoch: EPOCH,
            log_capacity: 100_000,
            limits: BTreeMap::new(),
            max_upload: 52_428_800,
            asks_for_dummy_auth: false,
            bad_token_code: "M_UNKNOWN",
            timeline_limit: 100,
            remembers_transactions: true,
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
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        self.limit(LimitClass::Writes, limit)
    }

    /// Limits one kind of requests; unlimited by default.
    #[must_use]
    pub fn limit(mut self, class: LimitClass, limit: RateLimit) -> Self {
        self.limits.insert(class, limit);
        self
    }

    /// Sets all limits as a Synapse without settings has them.
    #[must_use]
    pub fn synapse_limits(mut self) -> Self {
        self.limits = LimitClass::ALL
            .map(|class| (class, class.synapse_default()))
            .into();
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

    /// Forgets transaction ids at once: the same one twice is two events, always.
    #[must_use]
    pub const fn forgets_transactions(mut self) -> Self {
        self.remembers_transactions = false;
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

/// What a limit counts. Of several that a request falls under, the first that is used up
/// refuses it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum LimitClass {
    /// What a user writes: messages, state, redactions, rooms, memberships, profiles.
    Writes,
    /// The rooms that a user creates, besides the writes.
    RoomCreations,
    /// The rooms that a user joins, besides the writes.
    Joins,
    /// The invites that a user gets, from anybody, besides the writes of who sends them.
    InvitesToUser,
    /// Logins to the server; all tests come from one address.
    Logins,
}

impl LimitClass {
    const ALL: [Self; 5] = [
        Self::Writes,
        Self::RoomCreations,
        Self::Joins,
        Self::InvitesToUser,
        Self::Logins,
    ];

    const fn synapse_default(self) -> RateLimit {
        let (burst, per_second) = match self {
            Self::Writes => return RateLimit::synapse_default(),
            Self::RoomCreations => (10, 0.016),
            Self::Joins => (10, 0.1),
            Self::InvitesToUser => (5, 0.003),
            Self::Logins => (5, 0.003),
        };
        RateLimit {
            burst,
            per_second,
            ..RateLimit::synapse_default()
        }
    }
}

/// A bucket that leaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests that pass at once.
    pub burst: u32,
    /// Requests that become possible again per second.
    pub per_second: f64,
    /// How long the server takes to say 429.
    pub refusal_takes: Duration,
}

impl RateLimit {
    /// A bucket of `burst` requests that refills with `per_second`, refusing at once.
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
