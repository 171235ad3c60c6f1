use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::access_log::{self, AccessLogLine};
use super::account::{self, Account};
use super::error::SynapseError;
use super::server::Synapse;
use crate::python::PythonEnvironment;

const HOMESERVER: &str = "MATRIX_TEST_HOMESERVER";
const PYTHON: &str = "MATRIX_TEST_VENV";
const ACCESS_LOG: &str = "MATRIX_TEST_SYNAPSE_LOG";

/// The one Synapse of a test run, started by another process and known through environment variables.
///
/// Tests that use it choose user and room names of their own.
#[derive(Clone, Debug)]
pub struct SharedSynapse {
    base_url: String,
    port: u16,
    python: PythonEnvironment,
    access_log: PathBuf,
}

impl SharedSynapse {
    /// The variables that let a child process find `synapse`; the opposite of [`from_env`](Self::from_env).
    #[must_use]
    pub fn variables(
        synapse: &Synapse,
        python: &PythonEnvironment,
    ) -> [(&'static str, OsString); 3] {
        [
            (HOMESERVER, synapse.base_url().into()),
            (PYTHON, python.python().into()),
            (ACCESS_LOG, synapse.access_log().into()),
        ]
    }

    /// Reads the variables; `None` when there is no shared server.
    ///
    /// # Errors
    ///
    /// When only some of the variables are set, or the address is not one of this machine.
    pub fn from_env() -> Result<Option<Self>, SynapseError> {
        let Some(base_url) = env::var_os(HOMESERVER) else {
            return Ok(None);
        };
        let base_url = base_url
            .into_string()
            .map_err(|_| SynapseError::Environment {
                variable: HOMESERVER,
            })?;
        let port = loopback_port(&base_url).ok_or(SynapseError::Environment {
            variable: HOMESERVER,
        })?;
        let python = PythonEnvironment::at(path(PYTHON)?);
        Ok(Some(Self {
            base_url,
            port,
            python,
            access_log: path(ACCESS_LOG)?,
        }))
    }

    /// For example `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// For a [`Person`](crate::person::Person), or for a [`Synapse`] of a test's own.
    #[must_use]
    pub fn python(&self) -> &PythonEnvironment {
        &self.python
    }

    /// As [`Synapse::register`].
    ///
    /// # Errors
    ///
    /// When the server is away, or refuses the name.
    pub async fn register(&self, name: &str, password: &str) -> Result<Account, SynapseError> {
        account::register(self.port, name, password).await
    }

    /// As [`Synapse::requests`]; the requests of all tests are among them.
    ///
    /// # Errors
    ///
    /// When the access log cannot be read.
    pub fn requests(&self) -> Result<Vec<AccessLogLine>, SynapseError> {
        access_log::read(&self.access_log).map_err(SynapseError::io("read", &self.access_log))
    }
}

fn path(variable: &'static str) -> Result<PathBuf, SynapseError> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or(SynapseError::Environment { variable })
}

fn loopback_port(base_url: &str) -> Option<u16> {
    base_url
        .strip_prefix("http://127.0.0.1:")?
        .trim_end_matches('/')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_machine_has_a_port() {
        let ports = [
            "http://127.0.0.1:8008",
            "http://127.0.0.1:8008/",
            "https://matrix.org",
            "http://127.0.0.1",
        ];

        assert_eq!(
            ports.map(loopback_port),
            [Some(8008), Some(8008), None, None]
        );
    }
}
