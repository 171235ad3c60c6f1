//! From a configuration to an account at the homeserver.

use std::{sync::Arc, time::Duration};

use matrix_bridge::{
    Backoff, Client, ClientError, Clock as _, ConnectError, HealthBoard, Random as _,
    RetryPolicy as _, Status, SystemClock, SystemRandom, TokenSource, WhoAmI, chain,
};

use super::{
    Fatal,
    config::{Config, ConfigError},
};

/// The reason in the health while there is no connection.
const CODE: &str = "connect";

/// An account that is rejected is asked about again this often.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// Tries to connect, and tells the health how it goes.
#[derive(Debug)]
pub(crate) struct Connector<'a> {
    config: &'a Config,
    health: &'a HealthBoard,
    token: Arc<dyn TokenSource>,
    failures: u32,
}

/// What one try led to.
#[derive(Debug)]
pub(crate) enum Try {
    /// A connection, checked to be the configured user's.
    Connected(Client),
    /// None; it may be tried again after that time.
    Wait(Duration),
}

impl<'a> Connector<'a> {
    /// Has not tried yet.
    pub(crate) fn new(config: &'a Config, health: &'a HealthBoard) -> Self {
        let message = format!("connecting to {}", config.homeserver_url.value);
        health.raise(CODE, Status::Degraded, message, SystemClock.now());
        Self {
            config,
            health,
            token: config.token.source(),
            failures: 0,
        }
    }

    /// Tries once.
    pub(crate) async fn attempt(&mut self) -> Result<Try, Fatal> {
        let url = &self.config.homeserver_url;
        let error = match Client::connect_from(url.value.as_str(), self.token.clone()).await {
            Ok(client) => {
                check_owner(self.config, &client.who_am_i())?;
                self.health.clear(CODE);
                return Ok(Try::Connected(client));
            }
            Err(error) => error,
        };
        self.failures += 1;
        let reason = chain(&error);
        match &error {
            ConnectError::Client(error) => Ok(self.failed(error, &reason)),
            _ => {
                let found = format!("{}: {reason}", url.value);
                let expected = "a homeserver that this machine can talk to";
                Err(ConfigError::new(&url.place, found, expected).into())
            }
        }
    }

    /// Waits until there may be another token to try.
    pub(crate) async fn token_changed(&self) {
        self.token.changed(&SystemClock).await;
    }

    fn failed(&self, error: &ClientError, reason: &str) -> Try {
        let Config {
            homeserver_url,
            user,
            ..
        } = self.config;
        if let Some(trouble) = error.trouble() {
            let advice = trouble.advice();
            let message = format!(
                "{} cannot connect: {trouble} ({reason}); {advice}",
                user.value
            );
            return self.wait(Status::Failed, &message, ACCOUNT_RETRY);
        }
        let url = &homeserver_url.value;
        if !error.is_retryable() {
            let message = format!(
                "{url} refuses: {reason}; check {} and what the homeserver allows the account",
                homeserver_url.place
            );
            return self.wait(Status::Failed, &message, ACCOUNT_RETRY);
        }
        let message = format!("{url} is away: {reason}; it is tried again by itself");
        let delay = Backoff::RECONNECT.delay(self.failures, SystemRandom.next_u64());
        let asked = error.retry_after().unwrap_or_default();
        let shortest = Duration::from_millis(250);
        self.wait(Status::Degraded, &message, delay.max(asked).max(shortest))
    }

    fn wait(&self, status: Status, message: &str, delay: Duration) -> Try {
        if self.health.raise(CODE, status, message, SystemClock.now()) {
            tracing::warn!("{message}");
        }
        Try::Wait(delay)
    }
}

/// Refuses a token that is somebody else's, or that has no device.
fn check_owner(config: &Config, who: &WhoAmI) -> Result<(), Fatal> {
    let Config { user, token, .. } = config;
    if who.user != user.value {
        let found = format!(
            "{}, while the access token belongs to {}",
            user.value, who.user
        );
        let expected = "the user id of the token's owner";
        return Err(ConfigError::new(&user.place, found, expected).into());
    }
    if who.device.is_none() {
        let found = "a token without a device, with which messages would be sent twice: the \
                     homeserver forgets such a token's transaction ids when it restarts";
        let expected = "one with a device; log in with a device_id";
        return Err(ConfigError::new(&token.place, found, expected).into());
    }
    Ok(())
}
