//! What can go wrong in a store.

use std::fmt;

/// What the caller must do about a [`StoreError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The backend is busy, full or away. Nothing was written; try again later.
    Unavailable,
    /// The answer to a write was lost. Read what stands before trying again.
    Unknown,
    /// The call can never succeed: fix the caller.
    Invalid,
    /// The stored data is not what this version wrote. Stop, and tell a person.
    Corrupt,
    /// Another engine holds the store. Stop that one first.
    InUse,
    /// The store was closed, or shut itself after a failed write. Open it anew.
    Closed,
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "store unavailable",
            Self::Unknown => "outcome of a store write unknown",
            Self::Invalid => "invalid call of the store",
            Self::Corrupt => "store not readable by this version",
            Self::InUse => "store in use by another engine",
            Self::Closed => "store closed",
        })
    }
}

/// A failure of a store: what to do about it, what was being done, and the cause.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure of the given kind while `doing` something ("committing a batch").
    pub fn new(kind: StoreErrorKind, doing: impl Into<String>) -> Self {
        Self {
            kind,
            doing: doing.into(),
            source: None,
        }
    }

    /// The same failure with its cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller must do.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} while {}", self.kind, self.doing)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// `error` and its causes in one line, for logs and for people.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
