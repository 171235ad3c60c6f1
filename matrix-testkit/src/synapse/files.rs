//! What Synapse finds in its folder. Its YAML is written as JSON, which YAML includes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::config::SynapseConfig;

/// Anybody may know it: nobody outside of this machine ever sees the server.
const SIGNING_KEY: &str = "ed25519 a_test AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// Where the parts of one server's folder are. Absolute, since Synapse resolves paths in its own way.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder, if need be.
    pub(super) fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: fs::canonicalize(folder)?,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("homeserver.yaml")
    }

    pub(super) fn access_log(&self) -> PathBuf {
        self.folder.join("access.log")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("homeserver.log")
    }

    /// What Synapse says before it logs, and when it dies.
    pub(super) fn output(&self) -> PathBuf {
        self.folder.join("output.log")
    }

    /// Writes everything that Synapse needs to start on `port`.
    pub(super) fn write(&self, config: &SynapseConfig, port: u16) -> io::Result<()> {
        fs::write(self.folder.join("signing.key"), SIGNING_KEY)?;
        fs::write(self.folder.join("log.yaml"), self.logging().to_string())?;
        fs::write(self.config(), self.homeserver(config, port).to_string())
    }

    fn homeserver(&self, config: &SynapseConfig, port: u16) -> Value {
        let mut all = json!({
            "server_name": SynapseConfig::SERVER_NAME,
            "public_baseurl": format!("http://127.0.0.1:{port}/"),
            "listeners": [{
                "type": "http", "port": port, "bind_addresses": ["127.0.0.1"], "tls": false,
                "resources": [{ "names": ["client"] }],
            }],
            "database": { "name": "sqlite3", "args": { "database": self.folder.join("homeserver.db") } },
            "log_config": self.folder.join("log.yaml"),
            "media_store_path": self.folder.join("media"),
            "signing_key_path": self.folder.join("signing.key"),
            "pid_file": self.folder.join("homeserver.pid"),
            "trusted_key_servers": [],
            "suppress_key_server_warning": true,
            "federation_domain_whitelist": [],
            "report_stats": false,
            "presence": { "enabled": true },
            "enable_registration": true,
            "enable_registration_without_verification": true,
            "registration_shared_secret": SynapseConfig::REGISTRATION_SECRET,
            "macaroon_secret_key": "macaroons of the tests",
            "form_secret": "forms of the tests",
            // The least that bcrypt takes: tests log in often.
            "bcrypt_rounds": 4,
        });
        if let Some(all) = all.as_object_mut() {
            all.extend(config.overrides());
        }
        all
    }

    fn logging(&self) -> Value {
        let file = |name: &Path, format: &str| json!({ "class": "logging.FileHandler", "filename": name, "encoding": "utf-8", "formatter": format });
        json!({
            "version": 1,
            "disable_existing_loggers": false,
            "formatters": {
                "timed": { "format": "%(created).3f %(message)s" },
                "full": { "format": "%(asctime)s %(levelname)s %(name)s %(message)s" },
            },
            "handlers": {
                "access": file(&self.access_log(), "timed"),
                "log": file(&self.log(), "full"),
            },
            "loggers": { "synapse.access": { "level": "INFO", "handlers": ["access"], "propagate": false } },
            "root": { "level": "INFO", "handlers": ["log"] },
        })
    }
}
