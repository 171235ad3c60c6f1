use std::io;
use std::path::PathBuf;

/// Why there is no Python environment, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// No `python3` on the path, or it does not run.
    #[error("python3 does not run: install Python 3.10 or newer")]
    Missing(#[source] io::Error),

    /// The Python that is there cannot run Synapse.
    #[error("python3 is version {found}: Synapse needs Python 3.10 or newer")]
    TooOld {
        /// What it says it is.
        found: String,
    },

    /// None of the ways to make a virtual environment worked.
    #[error(
        "cannot make a Python virtual environment: install venv and pip \
         (Debian and Ubuntu: `apt-get install python3-venv`); what was tried is in {}:\n{tail}",
        log.display()
    )]
    NoVenv {
        /// What each attempt said, in full.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },

    /// The virtual environment stands, but pip could not install into it.
    #[error(
        "pip cannot install the pinned packages: check that it reaches PyPI or a mirror \
         (`pip config list`); the log is {}:\n{tail}",
        log.display()
    )]
    Pip {
        /// pip's output in full.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },

    /// Another process has been installing for too long.
    #[error("another process still holds {} after {} s: wait for it, or end it", path.display(), waited.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long this process waited.
        waited: std::time::Duration,
    },

    /// A file could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl PythonError {
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
