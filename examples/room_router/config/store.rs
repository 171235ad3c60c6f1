//! Where the bot keeps what it knows.

use std::{fmt, path::PathBuf};

/// Where the bot keeps what it knows.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum StorePlace {
    /// A SQLite file.
    File(PathBuf),
    /// The address of a PostgreSQL database. It may hold a password.
    Postgres(String),
}

impl StorePlace {
    /// Reads it as it stands in the configuration.
    pub(crate) fn read(path: PathBuf) -> Self {
        let is_url =
            |text: &&str| text.starts_with("postgres://") || text.starts_with("postgresql://");
        match path.to_str().filter(is_url) {
            Some(url) => Self::Postgres(url.to_owned()),
            None => Self::File(path),
        }
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Postgres(_) => f.write_str("a PostgreSQL database"),
        }
    }
}
