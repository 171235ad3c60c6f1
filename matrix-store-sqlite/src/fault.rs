//! What goes wrong inside, and what the caller is told.

use std::{error::Error, fmt};

use matrix_bridge_core::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// A failure of one job, before it is known what was being done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// Stored data does not read back; names where.
    Corrupt {
        place: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller's data cannot be stored.
    Invalid(Box<dyn Error + Send + Sync>),
}

impl Fault {
    /// What the caller of the store gets.
    pub(crate) fn into_store_error(self, doing: &str) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::new(kind(&error), doing).with_source(error),
            Self::Corrupt { place, source } => {
                StoreError::new(StoreErrorKind::Corrupt, place).with_source(source)
            }
            Self::Invalid(source) => {
                StoreError::new(StoreErrorKind::Invalid, doing).with_source(source)
            }
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(without_statement(error))
    }
}

/// The error without the statement, which may be a whole step of the schema.
pub(crate) fn without_statement(error: rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqlInputError { error, msg, .. } => {
            rusqlite::Error::SqliteFailure(error, Some(msg))
        }
        error => error,
    }
}

/// What the caller must do about a failure of SQLite that wrote nothing.
pub(crate) fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    use rusqlite::Error as Sqlite;
    match error {
        Sqlite::SqliteFailure(failure, _) | Sqlite::SqlInputError { error: failure, .. } => {
            kind_of_code(failure.code)
        }
        // A column that holds what its type forbids was not written by us.
        Sqlite::FromSqlConversionFailure(..)
        | Sqlite::IntegralValueOutOfRange(..)
        | Sqlite::InvalidColumnType(..)
        | Sqlite::Utf8Error(..)
        | Sqlite::QueryReturnedNoRows
        | Sqlite::QueryReturnedMoreThanOneRow => StoreErrorKind::Corrupt,
        // All others are mistakes in how SQLite is called.
        _ => StoreErrorKind::Invalid,
    }
}

fn kind_of_code(code: ErrorCode) -> StoreErrorKind {
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::SchemaChanged => StoreErrorKind::Unavailable,
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch => StoreErrorKind::Corrupt,
        ErrorCode::TooBig
        | ErrorCode::ApiMisuse
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::AuthorizationForStatementDenied
        | ErrorCode::NotFound
        | ErrorCode::InternalMalfunction => StoreErrorKind::Invalid,
        // `ErrorCode` is open; a code of a later SQLite must not be retried blindly.
        _ => StoreErrorKind::Invalid,
    }
}

/// A plain reason, where no other error is the cause.
#[derive(Debug)]
pub(crate) struct Reason(pub(crate) &'static str);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Reason {}
