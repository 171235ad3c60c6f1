//! Users, devices and tokens; who is let in and how the others are told.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};

use super::{call::Call, errors::ApiError, state::Homeserver};

/// Who a token belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Who {
    pub(crate) user: String,
    pub(crate) device: Option<String>,
}

/// A local user.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) password: Option<String>,
    pub(crate) displayname: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) standing: Standing,
    /// Writes without a limit, as Synapse's override does.
    pub(crate) is_unlimited: bool,
    pub(crate) filters: Vec<Value>,
    pub(crate) account_data: BTreeMap<String, (u64, Value)>,
    /// Raw to-device events with their positions.
    pub(crate) to_device: Vec<(u64, Vec<u8>)>,
}

/// What the server's people have done to a user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Standing {
    #[default]
    Good,
    Locked,
    Suspended,
    Deactivated,
}

/// What is known about a token; a dead one still tells whose it was.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) who: Who,
    pub(crate) state: SessionState,
    /// When it runs out by itself.
    pub(crate) expires: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionState {
    Live,
    /// May be refreshed: `soft_logout`.
    Expired,
    Revoked,
}

impl Homeserver {
    /// Who calls, or why they are not let in.
    pub(crate) fn authenticate(&mut self, call: &Call) -> Result<Who, ApiError> {
        let Some(token) = &call.token else {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "M_MISSING_TOKEN",
                "Missing access token",
            ));
        };
        let session = self
            .sessions
            .get(token)
            .ok_or_else(|| ApiError::unknown_token("Invalid access token passed.", false))?;
        let who = session.who.clone();
        let is_over = session.expires.is_some_and(|end| end <= self.now);
        match session.state {
            SessionState::Live if is_over => {
                return Err(ApiError::unknown_token("Access token has expired", true));
            }
            SessionState::Live => {}
            SessionState::Expired => {
                return Err(ApiError::unknown_token("Access token has expired", true));
            }
            SessionState::Revoked => {
                return Err(ApiError::unknown_token(
                    "Invalid access token passed.",
                    false,
                ));
            }
        }
        self.check_standing(call, &who.user)?;
        self.note_use_of_access(token);
        Ok(who)
    }

    fn check_standing(&self, call: &Call, user: &str) -> Result<(), ApiError> {
        match self.users.get(user).map(|user| user.standing) {
            None | Some(Standing::Good) => Ok(()),
            Some(Standing::Locked) => Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "M_USER_LOCKED",
                "User account has been locked",
            )
            .with("soft_logout", json!(true))),
            Some(Standing::Suspended) if call.endpoint().is_closed_to_suspended() => {
                Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "M_USER_SUSPENDED",
                    "Sending messages while account is suspended is not allowed.",
                ))
            }
            Some(Standing::Suspended) => Ok(()),
            Some(Standing::Deactivated) => Err(ApiError::unknown_token(
                "Invalid access token passed.",
                false,
            )),
        }
    }

    /// Whose token a call carries, even if it is dead.
    pub(crate) fn identity(&self, call: &Call) -> Option<Who> {
        Some(self.sessions.get(call.token.as_ref()?)?.who.clone())
    }

    /// A new live token.
    pub(crate) fn open_session(&mut self, user: &str, device: Option<String>) -> String {
        let token = self.ids.token(localpart(user));
        let who = Who {
            user: user.to_owned(),
            device,
        };
        self.sessions.insert(
            token.clone(),
            Session {
                who,
                state: SessionState::Live,
                expires: None,
            },
        );
        token
    }

    /// Ends one token; says whether it was known.
    pub(crate) fn end_session(&mut self, token: &str, soft: bool) -> bool {
        let state = if soft {
            SessionState::Expired
        } else {
            SessionState::Revoked
        };
        self.note_news();
        self.sessions.get_mut(token).is_some_and(|session| {
            session.state = state;
            true
        })
    }

    /// Ends all tokens that `is_meant`.
    pub(crate) fn end_sessions(&mut self, is_meant: impl Fn(&Who) -> bool) {
        self.note_news();
        for session in self
            .sessions
            .values_mut()
            .filter(|session| is_meant(&session.who))
        {
            session.state = SessionState::Revoked;
        }
    }
}

/// The part of a user id before the server name, without the sigil.
pub(crate) fn localpart(user: &str) -> &str {
    user.trim_start_matches('@')
        .split(':')
        .next()
        .unwrap_or_default()
}
