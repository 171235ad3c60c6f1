use std::env;

use super::server::Postgres;

const URL: &str = "MATRIX_TEST_POSTGRES";

/// The one PostgreSQL of a test run, started by another process and known through an environment variable.
///
/// Tests that use it choose schemas of their own.
#[derive(Clone, Debug)]
pub struct SharedPostgres {
    url: String,
}

impl SharedPostgres {
    /// The variable that lets a child process find `postgres`; the opposite of [`from_env`](Self::from_env).
    #[must_use]
    pub fn variable(postgres: &Postgres) -> (&'static str, String) {
        (URL, postgres.url())
    }

    /// Reads the variable; `None` when there is no shared server.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let url = env::var(URL).ok()?;
        Some(Self { url })
    }

    /// For example `postgres://postgres@127.0.0.1:40123/postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
