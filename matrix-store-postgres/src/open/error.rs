//! Why a store could not be opened, and what a person can do.

use matrix_bridge_core::StoreError;

/// Why a store could not be opened. The message says what was found and the way out; it
/// never shows the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address cannot be read.
    #[error(
        "the address of the database cannot be read; write it as \
         postgres://user:password@host:port/database"
    )]
    Address,
    /// The name cannot be that of a schema.
    #[error(
        "{schema:?} cannot be the name of a schema: a letter of a to z or an underscore, and \
         then those and digits, 48 characters at most"
    )]
    SchemaName {
        /// What was given.
        schema: String,
    },
    /// The database cannot be reached, or refuses.
    #[error("the database cannot be used; check that it runs, the address, and the user's rights")]
    Unavailable(#[source] StoreError),
    /// The server is too old.
    #[error("the server is PostgreSQL {found}, expected 15 or newer; upgrade it")]
    OldServer {
        /// Its version.
        found: String,
    },
    /// The schema holds tables of somebody else. Nothing was changed.
    #[error("the schema {schema} holds tables of another program; give another schema")]
    ForeignSchema {
        /// Which schema.
        schema: String,
    },
    /// A later version of this crate wrote it.
    #[error(
        "found version {found} of the tables in schema {schema}, this version knows up to \
         {known}; start the newer version again, or restore the backup from before the upgrade"
    )]
    NewerSchema {
        /// Which schema.
        schema: String,
        /// Its version.
        found: i32,
        /// The newest version that is known here.
        known: i32,
    },
    /// A copy into it was begun and not ended.
    #[error("a copy into the schema {schema} was not finished; copy again, or drop the schema")]
    UnfinishedCopy {
        /// Which schema.
        schema: String,
    },
    /// Somebody works on it, and a copy wants it alone.
    #[error(
        "processes that work on the schema {schema}: {workers}; a copy wants it alone, stop them"
    )]
    InUse {
        /// Which schema.
        schema: String,
        /// How many.
        workers: i64,
    },
}
