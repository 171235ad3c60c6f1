//! Why a step failed.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Command;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot run {program}: is it installed?")]
    Start { program: String, source: io::Error },

    #[error("`{command}` ended with {status}")]
    Command { command: String, status: ExitStatus },

    #[error("`{command}` was still running after {} s and was killed", limit.as_secs())]
    Timeout { command: String, limit: Duration },

    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },

    #[error("cannot make sense of {what}")]
    Unreadable {
        what: String,
        source: Box<dyn Error + Send + Sync>,
    },

    #[error("{}", .0.join("\n"))]
    Findings(Vec<String>),

    #[error(transparent)]
    Server(Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn start(command: &Command, source: io::Error) -> Self {
        Self::Start {
            program: command
                .as_std()
                .get_program()
                .to_string_lossy()
                .into_owned(),
            source,
        }
    }

    /// For `map_err`: the file that was in use.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: what was being read.
    pub(crate) fn unreadable<E>(what: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let what = what.into();
        move |source| Self::Unreadable {
            what,
            source: source.into(),
        }
    }

    /// A failure if there is any finding.
    pub(crate) fn unless_empty(findings: Vec<String>) -> Result<(), Self> {
        if findings.is_empty() {
            Ok(())
        } else {
            Err(Self::Findings(findings))
        }
    }

    /// One failure out of several results, which all ran.
    pub(crate) fn all(results: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let failed = results
            .into_iter()
            .filter_map(Result::err)
            .map(|failure| failure.chain());
        Self::unless_empty(failed.collect())
    }

    /// The failure and its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_of_several_is_told_with_its_cause() {
        let missing = Failure::file("a.toml")(io::Error::other("no such file"));

        let both = Failure::all([
            Err(missing),
            Ok(()),
            Failure::unless_empty(vec!["x is bad".to_owned()]),
        ]);

        assert_eq!(
            both.unwrap_err().to_string(),
            "cannot use a.toml: no such file\nx is bad"
        );
    }
}
