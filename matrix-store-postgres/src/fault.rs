//! What goes wrong inside, and what the caller is told.

use std::{error::Error, fmt, io};

use deadpool_postgres::PoolError;
use matrix_bridge_core::{StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

/// A failure of one call, before it is known what was being done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused, or the connection to it broke.
    Postgres(tokio_postgres::Error),
    /// No connection could be had.
    Pool(PoolError),
    /// Stored data does not read back; names where.
    Corrupt {
        place: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller's data cannot be stored, or the caller asks for what cannot be.
    Invalid(Box<dyn Error + Send + Sync>),
    /// A write was waited for in vain.
    Slow,
}

impl Fault {
    /// What the caller of the store gets; `is_committing` says that what was asked may
    /// have been done.
    pub(crate) fn into_store_error(self, doing: &str, is_committing: bool) -> StoreError {
        match self {
            Self::Postgres(error) => {
                StoreError::new(kind(&error, is_committing), doing).with_source(error)
            }
            Self::Pool(PoolError::Closed) => StoreError::new(StoreErrorKind::Closed, doing),
            Self::Pool(error) => {
                StoreError::new(StoreErrorKind::Unavailable, doing).with_source(error)
            }
            Self::Corrupt { place, source } => {
                StoreError::new(StoreErrorKind::Corrupt, place).with_source(source)
            }
            Self::Invalid(source) => {
                StoreError::new(StoreErrorKind::Invalid, doing).with_source(source)
            }
            Self::Slow => {
                let reason = Reason("the database did not answer in time");
                StoreError::new(lost(is_committing), doing).with_source(reason)
            }
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Postgres(error),
            other => Self::Pool(other),
        }
    }
}

/// What a connection that broke means.
const fn lost(is_committing: bool) -> StoreErrorKind {
    match is_committing {
        true => StoreErrorKind::Unknown,
        false => StoreErrorKind::Unavailable,
    }
}

fn kind(error: &tokio_postgres::Error, is_committing: bool) -> StoreErrorKind {
    if let Some(state) = error.code() {
        return kind_of(state, is_committing);
    }
    let is_connection = error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.is::<io::Error>())
        || error.to_string().starts_with("error connecting");
    match is_connection {
        true => lost(is_committing),
        // A column that holds what its type forbids was not written by us.
        false => StoreErrorKind::Corrupt,
    }
}

/// By the classes of PostgreSQL's appendix A.
fn kind_of(state: &SqlState, is_committing: bool) -> StoreErrorKind {
    let code = state.code();
    match code.get(..2).unwrap_or_default() {
        // Rolled back: a deadlock, or another process was first.
        "40" => StoreErrorKind::Unavailable,
        _ if *state == SqlState::UNIQUE_VIOLATION => StoreErrorKind::Unavailable,
        // The connection, a read-only standby, resources, locks, an operator, the system:
        // where a commit was under way, it may have been done before.
        "08" | "25" | "28" | "3D" | "53" | "55" | "57" | "58" => lost(is_committing),
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => StoreErrorKind::Unavailable,
        "22" | "54" => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Corrupt,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_lost_in_a_commit_says_nothing_about_it() {
        let kinds = |state| [false, true].map(|is_committing| kind_of(&state, is_committing));
        let away = [StoreErrorKind::Unavailable, StoreErrorKind::Unknown];

        assert_eq!(kinds(SqlState::ADMIN_SHUTDOWN), away);
        assert_eq!(kinds(SqlState::DISK_FULL), away);
        assert_eq!(
            kinds(SqlState::T_R_DEADLOCK_DETECTED),
            [StoreErrorKind::Unavailable; 2]
        );
        assert_eq!(
            kinds(SqlState::UNDEFINED_TABLE),
            [StoreErrorKind::Corrupt; 2]
        );
    }
}
