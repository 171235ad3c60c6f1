use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::python::PythonEnvironment;

/// How often a user may do things.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RateLimits {
    /// So high that no test meets one.
    #[default]
    Raised,
    /// Synapse's defaults; only registration and login, which prepare a test, stay raised.
    ServersOwn,
}

/// How a [`Synapse`](super::Synapse) is set up.
///
/// Always: loopback only, SQLite, no federation, no key servers, no statistics, presence on, registration open
/// to everyone.
#[derive(Clone, Debug)]
pub struct SynapseConfig {
    pub(super) python: PythonEnvironment,
    pub(super) folder: PathBuf,
    pub(super) port: Option<u16>,
    rate_limits: RateLimits,
    settings: Map<String, Value>,
}

impl SynapseConfig {
    /// The server's part of every user and room id.
    pub const SERVER_NAME: &str = "localhost";

    /// The shared secret of Synapse's registration by admin API.
    pub const REGISTRATION_SECRET: &str = "a secret of the tests";

    /// A server whose files are all in `folder`, which is made if need be.
    ///
    /// A folder that was used before brings its users and rooms along; use a new one for an empty server.
    #[must_use]
    pub fn new(python: &PythonEnvironment, folder: impl Into<PathBuf>) -> Self {
        Self {
            python: python.clone(),
            folder: folder.into(),
            port: None,
            rate_limits: RateLimits::default(),
            settings: Map::new(),
        }
    }

    /// Listens on this port; on a free one by default.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets all limits; [`RateLimits::Raised`] by default.
    #[must_use]
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Sets the limit of messages per user, which is the one that a bot meets first.
    #[must_use]
    pub fn message_limit(self, per_second: f64, burst_count: u32) -> Self {
        self.setting(
            "rc_message",
            json!({ "per_second": per_second, "burst_count": burst_count }),
        )
    }

    /// Sets a top-level key of Synapse's configuration; wins over everything else.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: Value) -> Self {
        self.settings.insert(key.into(), value);
        self
    }

    /// The keys that differ from Synapse's defaults and name no file or port.
    pub(super) fn overrides(&self) -> Map<String, Value> {
        let mut all = preparing_limits();
        if self.rate_limits == RateLimits::Raised {
            all.extend(other_limits());
        }
        all.extend(self.settings.clone());
        all
    }
}

fn raised() -> Value {
    json!({ "per_second": 100_000, "burst_count": 100_000 })
}

fn preparing_limits() -> Map<String, Value> {
    let login = json!({ "address": raised(), "account": raised(), "failed_attempts": raised() });
    Map::from_iter([
        ("rc_registration".to_owned(), raised()),
        ("rc_login".to_owned(), login),
    ])
}

fn other_limits() -> Map<String, Value> {
    let plain = [
        "rc_message",
        "rc_admin_redaction",
        "rc_joins_per_room",
        "rc_key_requests",
        "rc_media_create",
        "rc_delayed_event_mgmt",
        "rc_room_creation",
        "rc_reports",
        "rc_user_directory",
        "rc_profile",
    ];
    let mut limits: Map<_, _> = plain
        .map(|key| (key.to_owned(), raised()))
        .into_iter()
        .collect();
    let invites = json!({ "per_room": raised(), "per_user": raised(), "per_issuer": raised() });
    limits.insert(
        "rc_joins".to_owned(),
        json!({ "local": raised(), "remote": raised() }),
    );
    limits.insert("rc_invites".to_owned(), invites);
    limits.insert("rc_presence".to_owned(), json!({ "per_user": raised() }));
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SynapseConfig {
        SynapseConfig::new(&PythonEnvironment::at("python3"), "folder")
    }

    #[test]
    fn a_setting_wins_over_the_raised_limits() {
        let overrides = config().message_limit(0.5, 2).overrides();

        assert_eq!(
            overrides["rc_message"],
            json!({ "per_second": 0.5, "burst_count": 2 })
        );
        assert_eq!(overrides["rc_room_creation"], raised());
    }

    #[test]
    fn the_servers_own_limits_leave_registration_and_login_raised() {
        let overrides = config().rate_limits(RateLimits::ServersOwn).overrides();

        assert_eq!(
            overrides.keys().collect::<Vec<_>>(),
            ["rc_login", "rc_registration"]
        );
    }
}
