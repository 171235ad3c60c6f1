//! Why something was given up for now.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something was given up for now. Counted under its `code`, read by a person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ParkReason {
    /// The kind, for counting.
    pub code: ParkCode,
    /// What happened, in words; it holds no secret and no message content.
    pub detail: String,
}

impl ParkReason {
    /// A reason of the kind `code`.
    pub fn new(code: ParkCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for ParkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

/// The kinds of reasons for parking.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParkCode {
    /// An event could not be read.
    Unreadable,
    /// The handler refused the event, or failed too often.
    Handler,
    /// The handler panicked.
    Panic,
    /// The handler took longer than it may.
    HandlerTimeout,
    /// The content does not fit into an event.
    TooLarge,
    /// The room is encrypted and we are not.
    Encrypted,
    /// The homeserver refused the content.
    BadContent,
    /// The homeserver forbids it in this room.
    Forbidden,
    /// The room or event is not there.
    NotFound,
    /// The deadline passed.
    Expired,
    /// The homeserver failed on this row again and again, and not on others.
    ServerError,
    /// Whether it was sent is not known, and the room's history cannot tell any more.
    UnknownOutcome,
    /// The row it edits, redacts or reacts to was not sent.
    Dependency,
    /// The homeserver answered with another row's event: the transaction id was used
    /// for something else before, and nothing was done.
    TransactionUsed,
}

impl ParkCode {
    /// Every kind, so that each is counted from 0.
    pub const ALL: [Self; 14] = [
        Self::Unreadable,
        Self::Handler,
        Self::Panic,
        Self::HandlerTimeout,
        Self::TooLarge,
        Self::Encrypted,
        Self::BadContent,
        Self::Forbidden,
        Self::NotFound,
        Self::Expired,
        Self::ServerError,
        Self::UnknownOutcome,
        Self::Dependency,
        Self::TransactionUsed,
    ];

    /// Its name in a store and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Handler => "handler",
            Self::Panic => "panic",
            Self::HandlerTimeout => "handler_timeout",
            Self::TooLarge => "too_large",
            Self::Encrypted => "encrypted",
            Self::BadContent => "bad_content",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Expired => "expired",
            Self::ServerError => "server_error",
            Self::UnknownOutcome => "unknown_outcome",
            Self::Dependency => "dependency",
            Self::TransactionUsed => "transaction_used",
        }
    }

    /// Whether a row that is parked for this is known not to have been sent, so that
    /// sending something else in its place doubles nothing.
    ///
    /// A row that a failing homeserver may have taken, or whose answer was lost, is not.
    /// All other reasons are given only to rows that were refused, or of which no
    /// attempt can have arrived.
    #[must_use]
    pub const fn is_known_not_sent(self) -> bool {
        !matches!(self, Self::ServerError | Self::UnknownOutcome)
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}
