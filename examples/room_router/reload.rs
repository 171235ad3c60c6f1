//! SIGHUP: reads the configuration again while the bot runs.

use std::path::PathBuf;

use tokio::sync::watch;

use super::config::{self, Config, Environment, Live, Loaded};

/// What it takes to read the configuration again.
pub(crate) struct Reload {
    /// What runs.
    pub(crate) running: Config,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The variables, which stay as they were at the start.
    pub(crate) environment: Environment,
    /// Who is told.
    pub(crate) wish: watch::Sender<Live>,
}

impl Reload {
    /// Puts in force what can change; names what cannot. A mistake changes nothing.
    pub(crate) fn read_again(&self) {
        let config = match config::load(self.file.as_deref(), &self.environment) {
            Ok(Loaded::Enabled(config)) => config,
            Ok(Loaded::Disabled) => {
                tracing::warn!("reload: matrix.enabled is false now, which needs a restart");
                return;
            }
            Err(error) => {
                tracing::error!("reload: {error}; what was in force stays");
                return;
            }
        };
        let changed = self.running.restart_keys(&config);
        if !changed.is_empty() {
            tracing::warn!(
                "reload: changed keys that need a restart: {}",
                changed.join(", ")
            );
        }
        tracing::info!("reload: the configuration was read again");
        // Also if it is the same: somebody wants a connection to be tried now.
        self.wish.send_replace(config.live);
    }
}
