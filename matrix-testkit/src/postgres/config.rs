use std::path::PathBuf;

use super::binaries::Binaries;

/// How a [`Postgres`](super::Postgres) is set up.
///
/// Always: loopback only, everybody trusted, and a commit that was answered survives a kill of the server, but
/// not a loss of power, which no test causes; [`setting`](Self::setting) `fsync` to `on` changes that.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    pub(super) binaries: Binaries,
    pub(super) folder: PathBuf,
    pub(super) settings: Vec<(String, String)>,
    pub(super) tls: Option<Tls>,
}

/// What a server encrypts connections with, as PEM.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl PostgresConfig {
    /// A server whose files are all in `folder`, which is made if need be.
    ///
    /// A folder that was used before brings its databases along; use a new one for an empty server.
    #[must_use]
    pub fn new(binaries: &Binaries, folder: impl Into<PathBuf>) -> Self {
        Self {
            binaries: binaries.clone(),
            folder: folder.into(),
            settings: Vec::new(),
            tls: None,
        }
    }

    /// Encrypts connections of who asks for it, with this certificate and key, as PEM.
    #[must_use]
    pub fn tls(mut self, certificate: &str, key: &str) -> Self {
        self.tls = Some(Tls {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
        self
    }

    /// Sets a parameter of the server's; the last of a name wins.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}
