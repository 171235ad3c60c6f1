//! Tokens that run out, and the tokens that give new ones.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{
    auth::{Who, localpart},
    call::Call,
    errors::{ApiError, milliseconds},
    json_check::request_object,
    reply::Reply,
    state::Homeserver,
};

/// All refresh tokens that were ever given.
#[derive(Clone, Debug)]
pub(crate) struct Refreshes {
    tokens: BTreeMap<String, Refresh>,
    /// How long an access token holds that can be refreshed.
    pub(crate) lifetime: Duration,
}

impl Default for Refreshes {
    fn default() -> Self {
        Self {
            tokens: BTreeMap::new(),
            lifetime: Duration::from_secs(300),
        }
    }
}

#[derive(Clone, Debug)]
struct Refresh {
    who: Who,
    next: Next,
}

/// What came of a refresh token.
#[derive(Clone, Debug)]
enum Next {
    /// It was not used, or nothing that came of it was.
    Open(Option<Pair>),
    /// The pair that it gave was used: it is good for nothing any more.
    Used,
}

/// An access token and the refresh token for the next one.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Homeserver {
    /// A new pair of tokens.
    pub(crate) fn open_refreshable_session(&mut self, user: &str, device: Option<String>) -> Pair {
        let access = self.open_session(user, device.clone());
        let refresh = self.ids.refresh_token(localpart(user));
        let expires = Some(self.now + self.refreshes.lifetime);
        if let Some(session) = self.sessions.get_mut(&access) {
            session.expires = expires;
        }
        let who = Who {
            user: user.to_owned(),
            device,
        };
        let entry = Refresh {
            who,
            next: Next::Open(None),
        };
        self.refreshes.tokens.insert(refresh.clone(), entry);
        Pair { access, refresh }
    }

    /// Until something of the new pair is used the old refresh token stays good; a pair
    /// that it gave before and that nobody used is forgotten then.
    pub(crate) fn refresh(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let body = request_object(&call.body)?;
        let given = body["refresh_token"].as_str().unwrap_or_default();
        let Some(known) = self.refreshes.tokens.get(given) else {
            return Err(ApiError::unknown_token("refresh token isn't valid", false));
        };
        let Next::Open(unused) = &known.next else {
            return Err(ApiError::forbidden(
                "refresh token isn't valid anymore: it was used already",
            ));
        };
        let (who, unused) = (known.who.clone(), unused.clone());
        if let Some(pair) = unused {
            self.refreshes.tokens.remove(&pair.refresh);
            self.end_session(&pair.access, false);
        }
        self.end_old_pair(|next| next.refresh == given);
        let pair = self.open_refreshable_session(&who.user, who.device);
        if let Some(old) = self.refreshes.tokens.get_mut(given) {
            old.next = Next::Open(Some(pair.clone()));
        }
        self.changes += 1;
        Ok(Reply::json(&json!({
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "expires_in_ms": milliseconds(self.refreshes.lifetime),
        })))
    }

    /// With the first use of an access token the refresh token that gave it dies.
    pub(crate) fn note_use_of_access(&mut self, token: &str) {
        self.end_old_pair(|next| next.access == token);
    }

    fn end_old_pair(&mut self, is_used: impl Fn(&Pair) -> bool) {
        let old = self.refreshes.tokens.values_mut().find(|old| {
            let Next::Open(Some(next)) = &old.next else {
                return false;
            };
            is_used(next)
        });
        let Some(old) = old else {
            return;
        };
        // Measured: the older access token stays good until it runs out.
        old.next = Next::Used;
    }
}
