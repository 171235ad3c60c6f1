use std::io;
use std::time::Duration;

/// Why a person could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersonError {
    /// The Python process does not start.
    #[error("cannot run {python}: prepare the Python environment first")]
    Spawn {
        /// The interpreter.
        python: String,
        /// Why not.
        source: io::Error,
    },

    /// The Python process is gone; what it said last is on stderr.
    #[error("the person's process ended before it answered to {op}: its last words are on stderr")]
    Ended {
        /// What was asked.
        op: &'static str,
    },

    /// No answer in time.
    #[error("no answer to {op} within {} s: is the homeserver running?", waited.as_secs())]
    Silent {
        /// What was asked.
        op: &'static str,
        /// How long was waited.
        waited: Duration,
    },

    /// matrix-nio or the homeserver said no.
    #[error("{op} failed: {code} {message}")]
    Refused {
        /// What was asked.
        op: &'static str,
        /// Matrix's errcode, `TIMEOUT` for a wait that saw too little, or the name of a Python exception.
        code: String,
        /// The words that came with it.
        message: String,
    },

    /// An answer of another shape than the operation has; person.py and this code differ.
    #[error("the answer to {op} has an unexpected shape")]
    Unexpected {
        /// What was asked.
        op: &'static str,
    },
}
