use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why Synapse could not be started, asked or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynapseError {
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

    /// It ended before it answered.
    #[error("synapse ended while starting; its logs are in {}:\n{tail}", folder.display())]
    Ended {
        /// Where its files are.
        folder: PathBuf,
        /// The last it said.
        tail: String,
    },

    /// It runs, but does not answer.
    #[error("synapse did not answer within {} s; its logs are in {}:\n{tail}", waited.as_secs(), folder.display())]
    Silent {
        /// How long was waited.
        waited: Duration,
        /// Where its files are.
        folder: PathBuf,
        /// The last it said.
        tail: String,
    },

    /// A request to it got no usable answer.
    #[error("synapse gave no usable answer to {request}")]
    NoAnswer {
        /// Method and path.
        request: String,
        /// What went wrong.
        source: io::Error,
    },

    /// It refused what it was asked.
    #[error("synapse refused {request}: {status} {errcode} {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Matrix's name of the error, for instance `M_USER_IN_USE`.
        errcode: String,
        /// The server's own words.
        message: String,
    },

    /// An environment variable that says where the shared server is cannot be used.
    #[error("{variable} is missing or not usable: set all variables of the shared server, or none")]
    Environment {
        /// Its name.
        variable: &'static str,
    },
}

impl SynapseError {
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
