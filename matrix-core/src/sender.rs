//! Who carries rows to the homeserver, and what its answers mean.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use ruma::{OwnedEventId, RoomId};

use crate::{Identity, ParkReason, Row};

/// Carries out rows. One call is one attempt.
#[async_trait]
pub trait Sender: fmt::Debug + Send + Sync + 'static {
    /// Does what `row` says, under its transaction id.
    ///
    /// # Errors
    ///
    /// [`SendError`] says whose failure it is: the homeserver's, the account's or the
    /// row's.
    async fn send(&self, row: &Row) -> Result<Option<OwnedEventId>, SendError>;

    /// Asks the homeserver whether `room` is encrypted.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    async fn is_encrypted(&self, sender: &Identity, room: &RoomId) -> Result<bool, SendError>;
}

/// Why an attempt failed, in terms of what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The homeserver is away: refused or cut connections, timeouts, 502 to 504, HTML
    /// where JSON is due. Nothing is wrong with the row.
    #[error("the homeserver is away")]
    Away {
        /// How long the other side asked to wait.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The homeserver asks this sender to wait.
    #[error("rate limited for {retry_after:?}")]
    RateLimited {
        /// How long.
        retry_after: Duration,
    },
    /// The account cannot be used until a person acts. Nothing is wrong with the row.
    #[error("the account cannot be used: {trouble}")]
    Account {
        /// What is wrong with it.
        trouble: AccountTrouble,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The homeserver failed on this request (500). The row may be the cause.
    #[error("the homeserver failed")]
    Server {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The homeserver refuses what the row relates to.
    #[error("the homeserver refuses the relation")]
    Relation(ParkReason),
    /// The homeserver refuses the row.
    #[error("the homeserver refuses: {0}")]
    Refused(ParkReason),
}

/// What keeps an account from being used. It pauses the account; no row is parked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AccountTrouble {
    /// The token is not known (any more): `M_UNKNOWN_TOKEN`, `M_MISSING_TOKEN`.
    UnknownToken,
    /// The token ran out, the device is kept: `M_UNKNOWN_TOKEN` with `soft_logout`.
    SoftLogout,
    /// `M_USER_LOCKED`.
    Locked,
    /// `M_USER_SUSPENDED`.
    Suspended,
    /// `M_USER_DEACTIVATED`.
    Deactivated,
    /// `M_USER_LIMIT_EXCEEDED` or `M_RESOURCE_LIMIT_EXCEEDED`.
    LimitExceeded,
}

impl AccountTrouble {
    /// Its name in metrics and health.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownToken => "unknown_token",
            Self::SoftLogout => "soft_logout",
            Self::Locked => "locked",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::LimitExceeded => "limit_exceeded",
        }
    }

    /// What a person is to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::UnknownToken => {
                "log the account in again on the same device and hand over the new access token, \
                 with which it goes on at once; a login tells whether the account is deactivated"
            }
            Self::SoftLogout => {
                "the session ran out: log in again with the same device id and hand over the new \
                 access token, with which it goes on at once"
            }
            Self::Locked => {
                "ask the homeserver's administrator to unlock the account; it then goes on by \
                 itself"
            }
            Self::Suspended => {
                "ask the homeserver's administrator to lift the suspension; it then goes on by \
                 itself"
            }
            Self::Deactivated => {
                "the account is gone unless the homeserver's administrator reactivates it: use \
                 another one"
            }
            Self::LimitExceeded => {
                "the homeserver's limits are reached: ask its administrator to raise them; it \
                 then goes on by itself"
            }
        }
    }
}

impl fmt::Display for AccountTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownToken => "its access token is rejected",
            Self::SoftLogout => "its session ran out",
            Self::Locked => "it is locked",
            Self::Suspended => "it is suspended",
            Self::Deactivated => "it is deactivated",
            Self::LimitExceeded => "a limit of the homeserver is reached",
        })
    }
}
