//! What tests do to accounts: tokens given and taken, users locked out, limits.

use std::time::Duration;

use super::{
    auth::{Standing, User},
    config::{LimitClass, RateLimit},
    handle::{Account, TestHomeserver},
    state::Homeserver,
};

/// Accounts.
impl TestHomeserver {
    /// A user, with a token that has a device; another token if the user exists.
    #[must_use]
    pub fn register(&self, localpart: &str) -> Account {
        self.with(|server| {
            let user_id = server.user_id(localpart);
            let fresh = User {
                password: Some(localpart.to_owned()),
                ..User::default()
            };
            server.users.entry(user_id.clone()).or_insert(fresh);
            let device = server.ids.device();
            server.account(user_id, Some(device))
        })
    }

    /// Another token of a user, on a device of that id.
    #[must_use]
    pub fn log_in(&self, user_id: &str, device_id: &str) -> Account {
        self.with(|server| server.account(user_id.to_owned(), Some(device_id.to_owned())))
    }

    /// Another token of a user, without a device, as an admin's login as a user gives it.
    #[must_use]
    pub fn log_in_without_device(&self, user_id: &str) -> Account {
        self.with(|server| server.account(user_id.to_owned(), None))
    }

    /// Another token of a user, on a device of that id, that runs out after the lifetime;
    /// with the refresh token for the next one.
    #[must_use]
    pub fn log_in_refreshable(&self, user_id: &str, device_id: &str) -> (Account, String) {
        self.with(|server| {
            let device = Some(device_id.to_owned());
            let pair = server.open_refreshable_session(user_id, device.clone());
            let account = Account {
                user_id: user_id.to_owned(),
                device_id: device,
                access_token: pair.access,
            };
            (account, pair.refresh)
        })
    }

    /// How long access tokens hold that are given from now on and can be refreshed; five
    /// minutes by default.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.with(|server| server.refreshes.lifetime = lifetime);
    }

    /// Makes a token unknown, as a logout does: 401 without `soft_logout`.
    pub fn revoke(&self, access_token: &str) {
        self.with(|server| server.end_session(access_token, false));
    }

    /// Makes a token run out: 401 with `soft_logout`.
    pub fn expire(&self, access_token: &str) {
        self.with(|server| server.end_session(access_token, true));
    }

    /// Locks a user: 401 `M_USER_LOCKED`.
    pub fn lock_user(&self, user_id: &str) {
        self.set_standing(user_id, Standing::Locked);
    }

    /// Suspends a user: 403 `M_USER_SUSPENDED` on writes.
    pub fn suspend_user(&self, user_id: &str) {
        self.set_standing(user_id, Standing::Suspended);
    }

    /// Deactivates a user: their tokens are unknown for good.
    pub fn deactivate_user(&self, user_id: &str) {
        self.set_standing(user_id, Standing::Deactivated);
        self.with(|server| server.end_sessions(|who| who.user == user_id));
    }

    /// Ends a lock or a suspension.
    pub fn restore_user(&self, user_id: &str) {
        self.set_standing(user_id, Standing::Good);
    }

    /// Limits what each user may write from now on; `None` for no limit.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.set_limit(LimitClass::Writes, limit);
    }

    /// Limits one kind of requests from now on; `None` for no limit.
    pub fn set_limit(&self, class: LimitClass, limit: Option<RateLimit>) {
        self.with(|server| match limit {
            Some(limit) => drop(server.config.limits.insert(class, limit)),
            None => drop(server.config.limits.remove(&class)),
        });
    }

    /// Takes a user out of all limits.
    pub fn exempt_from_limits(&self, user_id: &str) {
        self.with(|server| {
            server
                .users
                .entry(user_id.to_owned())
                .or_default()
                .is_unlimited = true;
        });
    }

    fn set_standing(&self, user_id: &str, standing: Standing) {
        self.with(|server| {
            server.users.entry(user_id.to_owned()).or_default().standing = standing;
            server.note_news();
        });
    }
}

impl Homeserver {
    fn account(&mut self, user_id: String, device_id: Option<String>) -> Account {
        self.users.entry(user_id.clone()).or_default();
        let access_token = self.open_session(&user_id, device_id.clone());
        Account {
            user_id,
            device_id,
            access_token,
        }
    }
}
