use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::python::PythonError;

/// Why PostgreSQL could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// There is no server on this machine, and none could be installed.
    #[error("no PostgreSQL 15 or newer is installed, and none could be brought from PyPI")]
    NotInstalled(#[source] PythonError),

    /// What was installed from PyPI has no server in it.
    #[error("the package from PyPI has no server in {}: install PostgreSQL 15 or newer", folder.display())]
    NoServer {
        /// Where it should be.
        folder: PathBuf,
    },

    /// A file or a folder of the server could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// There is no free port on the loopback interface, or no loopback interface.
    #[error("cannot find a free port on 127.0.0.1")]
    NoPort(#[source] io::Error),

    /// The folder of the data could not be made.
    #[error("initdb failed in {}:\n{tail}", folder.display())]
    NoData {
        /// Where its files are.
        folder: PathBuf,
        /// The last it said.
        tail: String,
    },

    /// It ended before it answered.
    #[error("postgres ended while starting; its log is in {}:\n{tail}", folder.display())]
    Ended {
        /// Where its files are.
        folder: PathBuf,
        /// The last it said.
        tail: String,
    },

    /// It runs, but takes no connections.
    #[error("postgres took no connections within {} s; its log is in {}:\n{tail}", waited.as_secs(), folder.display())]
    Silent {
        /// How long was waited.
        waited: Duration,
        /// Where its files are.
        folder: PathBuf,
        /// The last it said.
        tail: String,
    },
}

impl PostgresError {
    /// For `map_err`: what was being done to which file.
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
