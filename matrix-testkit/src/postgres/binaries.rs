//! Where the server's programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::PostgresError;
use crate::python::PythonEnvironment;

/// What is installed where the machine has no server, in pip's words: PostgreSQL 16.
const PIN: &str = "pgserver==0.1.4";
/// Where Debian and its relatives keep each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Where the package keeps its programs, below its `site-packages`.
const PACKAGED: &str = "pgserver/pginstall/bin";
const OLDEST: u32 = 15;

/// The folder that `postgres` and `initdb` are in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Finds PostgreSQL 15 or newer: in Debian's folder, on the path, or else from PyPI in the
    /// [`PythonEnvironment`] below `folder`. `progress` gets one line per stage that takes time.
    ///
    /// # Errors
    ///
    /// When there is none and none can be installed.
    pub async fn find(
        folder: impl AsRef<Path> + Send,
        progress: impl Fn(&str) + Send + Sync,
    ) -> Result<Self, PostgresError> {
        if let Some(folder) = newest_of_debian().or_else(on_the_path) {
            return Ok(Self { folder });
        }
        let python = PythonEnvironment::prepare(folder, &progress).await;
        let python = python.map_err(PostgresError::NotInstalled)?;
        let packages = python.add(PIN, &progress).await;
        let folder = packages
            .map_err(PostgresError::NotInstalled)?
            .join(PACKAGED);
        match folder.join("postgres").is_file() {
            true => Ok(Self { folder }),
            false => Err(PostgresError::NoServer { folder }),
        }
    }

    /// The path of one of the server's programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten();
    let versions = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let new = versions.filter(|(version, folder)| *version >= OLDEST && has_both(folder));
    new.max().map(|(_, folder)| folder)
}

fn on_the_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        // Debian links into a folder that is named after the version.
        .filter_map(|folder| fs::canonicalize(folder.join("postgres")).ok())
        .filter_map(|program| Some(program.parent()?.to_owned()))
        .find(|folder| has_both(folder) && version_of(folder).is_some_and(|found| found >= OLDEST))
}

fn has_both(folder: &Path) -> bool {
    ["postgres", "initdb"]
        .iter()
        .all(|name| folder.join(name).is_file())
}

/// What `postgres --version` says: `postgres (PostgreSQL) 16.4`.
fn version_of(folder: &Path) -> Option<u32> {
    let mut command = std::process::Command::new(folder.join("postgres"));
    let output = command.arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split(' ').find_map(|word| {
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}
