use std::path::PathBuf;

use super::access_log::{self, AccessLogLine};
use super::account::{self, Account};
use super::config::SynapseConfig;
use super::error::SynapseError;
use super::files::Files;
use super::process::Process;
use crate::port;

/// How often a port that was free a moment ago may turn out to be taken.
const PORT_ATTEMPTS: usize = 3;

/// A Synapse with a folder and a port of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Synapse {
    config: SynapseConfig,
    files: Files,
    port: u16,
    base_url: String,
    process: Option<Process>,
}

impl Synapse {
    /// Starts one and waits until it answers, which takes a few seconds.
    ///
    /// # Errors
    ///
    /// When its folder cannot be written, or when it does not answer within 90 seconds; the error then holds
    /// the end of its log.
    pub async fn start(config: SynapseConfig) -> Result<Self, SynapseError> {
        let folder = &config.folder;
        let files = Files::in_folder(folder).map_err(SynapseError::io("create", folder))?;
        let mut attempt = 1;
        loop {
            let port = config.port.map_or_else(port::free, Ok);
            let port = port.map_err(SynapseError::NoPort)?;
            match Process::start(&config, &files, port).await {
                Ok(process) => {
                    let base_url = format!("http://127.0.0.1:{port}");
                    return Ok(Self {
                        config,
                        files,
                        port,
                        base_url,
                        process: Some(process),
                    });
                }
                // Between our look at the port and Synapse's, another process may have taken it.
                Err(SynapseError::Ended { tail, .. })
                    if config.port.is_none()
                        && attempt < PORT_ATTEMPTS
                        && tail.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// For example `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// The file that has a line for each request.
    #[must_use]
    pub fn access_log(&self) -> PathBuf {
        self.files.access_log()
    }

    /// The file that Synapse logs everything else to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.files.log()
    }

    /// Registers a user, whose id will be `@name:localhost`.
    ///
    /// # Errors
    ///
    /// When the server is away, or refuses the name.
    pub async fn register(&self, name: &str, password: &str) -> Result<Account, SynapseError> {
        account::register(self.port, name, password).await
    }

    /// Every request it has finished since its folder was made, oldest first, over all restarts.
    ///
    /// A request is written down after it has been answered, so it may appear a moment after the client has
    /// the answer; a long poll appears when it ends.
    ///
    /// # Errors
    ///
    /// When the access log cannot be read.
    pub fn requests(&self) -> Result<Vec<AccessLogLine>, SynapseError> {
        let path = self.files.access_log();
        access_log::read(&path).map_err(SynapseError::io("read", path))
    }

    /// Ends it: asks first, kills after ten seconds. Does nothing if it does not run.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn stop(&mut self) -> Result<(), SynapseError> {
        match self.process.take() {
            Some(process) => process
                .stop()
                .await
                .map_err(SynapseError::io("stop", self.files.folder())),
            None => Ok(()),
        }
    }

    /// Kills it in the middle of whatever it does (SIGKILL).
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn kill9(&mut self) -> Result<(), SynapseError> {
        match self.process.take() {
            Some(process) => process
                .kill()
                .await
                .map_err(SynapseError::io("kill", self.files.folder())),
            None => Ok(()),
        }
    }

    /// Stops it if it runs, and starts it again with the same data on the same port.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) and [`stop`](Self::stop).
    pub async fn restart(&mut self) -> Result<(), SynapseError> {
        self.stop().await?;
        self.process = Some(Process::start(&self.config, &self.files, self.port).await?);
        Ok(())
    }
}
