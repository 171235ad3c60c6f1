//! What goes wrong inside, and what the caller is told.

use std::{any::Any, error::Error, fmt};

use matrix_bridge_core::{StoreError, StoreErrorKind};

/// A failure of one job, before it is known what was being done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// sled refused.
    Sled(sled::Error),
    /// sled panicked, which it does where it finds its own data damaged.
    Panic(PanicMessage),
    /// Stored data does not read back; names where.
    Corrupt {
        place: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The log ends before what was reported as written.
    Lost { found: u64, reported: u64 },
    /// The caller's data cannot be stored.
    Invalid(Box<dyn Error + Send + Sync>),
}

impl Fault {
    /// What the caller of the store gets.
    pub(crate) fn into_store_error(self, doing: &str) -> StoreError {
        match self {
            Self::Sled(error) => StoreError::new(kind(&error), doing).with_source(error),
            Self::Panic(message) => {
                StoreError::new(StoreErrorKind::Corrupt, doing).with_source(message)
            }
            Self::Corrupt { place, source } => {
                StoreError::new(StoreErrorKind::Corrupt, place).with_source(source)
            }
            Self::Lost { found, reported } => {
                let source = format!("the log ends after commit {found} of {reported}");
                StoreError::new(StoreErrorKind::Corrupt, doing).with_source(source)
            }
            Self::Invalid(source) => {
                StoreError::new(StoreErrorKind::Invalid, doing).with_source(source)
            }
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

/// What the caller must do about a failure of sled that wrote nothing.
pub(crate) const fn kind(error: &sled::Error) -> StoreErrorKind {
    match error {
        sled::Error::Io(_) => StoreErrorKind::Unavailable,
        // Its own words for what it finds in its log and did not expect there.
        sled::Error::Corruption { .. }
        | sled::Error::ReportableBug(_)
        | sled::Error::CollectionNotFound(_) => StoreErrorKind::Corrupt,
        sled::Error::Unsupported(_) => StoreErrorKind::Invalid,
    }
}

/// What a panic said.
#[derive(Clone, Debug)]
pub(crate) struct PanicMessage(String);

impl PanicMessage {
    pub(crate) fn of(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self(text.unwrap_or("no message").to_owned())
    }
}

impl fmt::Display for PanicMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sled panicked: {}", self.0)
    }
}

impl Error for PanicMessage {}

/// A plain reason, where no other error is the cause.
#[derive(Debug)]
pub(crate) struct Reason(pub(crate) &'static str);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Reason {}
