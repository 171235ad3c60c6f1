//! The Python side of the tests: a virtual environment with the pinned Synapse and matrix-nio.
//!
//! [`PythonEnvironment::prepare`] makes it once per checkout; every later call finds it ready.

mod error;
mod install;
mod lock;

use std::path::{Path, PathBuf};

pub use error::PythonError;

/// What is installed, in pip's words.
pub const PINS: [&str; 2] = ["matrix-synapse==1.163.2", "matrix-nio==0.26.0"];

/// A Python interpreter that has everything in [`PINS`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PythonEnvironment {
    python: PathBuf,
}

impl PythonEnvironment {
    /// Makes the environment below `folder` if it is not there yet, and returns it.
    ///
    /// Takes about a minute the first time and a fraction of a second after that. Processes that come
    /// together wait for the first one. `progress` gets one line per stage that takes time. An installation
    /// that was cut short is made again.
    ///
    /// # Errors
    ///
    /// When there is no usable Python 3, no way to make a virtual environment, or when pip fails; each error
    /// names the way out.
    pub async fn prepare(
        folder: impl AsRef<Path> + Send,
        progress: impl Fn(&str) + Send + Sync,
    ) -> Result<Self, PythonError> {
        let python = install::prepare(folder.as_ref(), &progress).await?;
        Ok(Self { python })
    }

    /// Installs one more package, in pip's words, unless it is there; returns the folder that packages are in.
    ///
    /// # Errors
    ///
    /// When pip fails.
    pub async fn add(
        &self,
        pin: &str,
        progress: impl Fn(&str) + Send + Sync,
    ) -> Result<PathBuf, PythonError> {
        install::add(&self.python, pin, &progress).await
    }

    /// An interpreter that has [`PINS`] already, for instance one that another process prepared.
    #[must_use]
    pub fn at(python: impl Into<PathBuf>) -> Self {
        Self {
            python: python.into(),
        }
    }

    /// The interpreter to run.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }
}

/// `<target>/testkit` of the cargo build that this process came from, the usual home of test servers.
///
/// `None` when the running program does not lie in a cargo target folder.
#[must_use]
pub fn testkit_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    // Cargo puts this file at the top of every target folder, wherever that folder is.
    let target = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("testkit"))
}
