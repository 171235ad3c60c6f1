use std::fs;
use std::path::PathBuf;

use super::config::PostgresConfig;
use super::error::PostgresError;
use super::process::Process;
use crate::port;

/// How often a port that was free a moment ago may turn out to be taken.
const PORT_ATTEMPTS: usize = 3;

/// A PostgreSQL with a folder and a port of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    config: PostgresConfig,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts one and waits until it takes connections, which takes a few seconds in a new folder.
    ///
    /// # Errors
    ///
    /// When its folder cannot be written, or when it takes no connections within a minute; the error then holds
    /// the end of its log.
    pub async fn start(config: PostgresConfig) -> Result<Self, PostgresError> {
        let folder = &config.folder;
        fs::create_dir_all(folder).map_err(PostgresError::io("create", folder))?;
        let folder = fs::canonicalize(folder).map_err(PostgresError::io("find", folder))?;
        let mut attempt = 1;
        loop {
            let port = port::free().map_err(PostgresError::NoPort)?;
            match Process::start(&config, &folder, port).await {
                Ok(process) => {
                    return Ok(Self {
                        config,
                        folder,
                        port,
                        process: Some(process),
                    });
                }
                // Between our look at the port and the server's, another process may have taken it.
                Err(PostgresError::Ended { tail, .. })
                    if attempt < PORT_ATTEMPTS && tail.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Its database `postgres`, for example `postgres://postgres@127.0.0.1:40123/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// Ends it, and every connection to it; what was committed stays. Does nothing if it does not run.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn stop(&mut self) -> Result<(), PostgresError> {
        match self.process.take() {
            Some(process) => process
                .stop()
                .await
                .map_err(PostgresError::io("stop", &self.folder)),
            None => Ok(()),
        }
    }

    /// Kills it in the middle of whatever it does (SIGKILL).
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn kill9(&mut self) -> Result<(), PostgresError> {
        match self.process.take() {
            Some(process) => process
                .kill()
                .await
                .map_err(PostgresError::io("kill", &self.folder)),
            None => Ok(()),
        }
    }

    /// Stops it if it runs, and starts it again with the same data on the same port.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) and [`stop`](Self::stop).
    pub async fn restart(&mut self) -> Result<(), PostgresError> {
        self.stop().await?;
        self.process = Some(Process::start(&self.config, &self.folder, self.port).await?);
        Ok(())
    }
}
