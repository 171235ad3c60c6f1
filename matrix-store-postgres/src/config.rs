//! How a store is opened.

use std::{fmt, str::FromStr as _, time::Duration};

use crate::{OpenError, PostgresStore, open};

/// Says which database a [`PostgresStore`] opens, and how.
///
/// ```no_run
/// # async fn open() -> Result<(), matrix_bridge_store_postgres::OpenError> {
/// use std::time::Duration;
///
/// use matrix_bridge_store_postgres::PostgresConfig;
///
/// let store = PostgresConfig::new("postgres://bot:secret@localhost/bridge")?
///     .schema("support_bot")
///     .max_connections(8)
///     .takeover(Duration::from_secs(10))
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresConfig {
    pub(crate) server: tokio_postgres::Config,
    pub(crate) schema: String,
    pub(crate) max_connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) call_timeout: Duration,
    pub(crate) takeover: Duration,
    pub(crate) listens: bool,
    pub(crate) clock: LeaseClock,
    pub(crate) for_copy: bool,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<rustls::ClientConfig>,
}

/// Whose clock says when a lease or a claim runs out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LeaseClock {
    /// The database's: the same for all processes, whatever their own say.
    #[default]
    Database,
    /// The caller's, as for stores of one process. For tests in virtual time.
    Caller,
}

impl PostgresConfig {
    /// The database at `url`: `postgres://user:password@host:port/database`, or a list of
    /// `key=value`, as `libpq` takes them. With what fits most services.
    ///
    /// # Errors
    ///
    /// [`OpenError::Address`] if it cannot be read.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        // The error may quote a part of the address; the address may hold a password.
        let server = tokio_postgres::Config::from_str(url).map_err(|_| OpenError::Address)?;
        Ok(Self {
            server,
            schema: "matrix_bridge".to_owned(),
            max_connections: 10,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            takeover: Duration::from_secs(15),
            listens: true,
            clock: LeaseClock::default(),
            for_copy: false,
            #[cfg(feature = "rustls")]
            tls: None,
        })
    }

    /// The PostgreSQL schema that holds all tables; `matrix_bridge`. It is made if it is
    /// not there. Two services on one database take two schemas.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How many connections at most, beside the one that listens; 10, at least 1. A call
    /// that gets none in time fails as unavailable.
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = if connections == 0 { 1 } else { connections };
        self
    }

    /// How long to wait for a connection, a new one or a free one; 5 s.
    #[must_use]
    pub const fn connect_timeout(mut self, span: Duration) -> Self {
        self.connect_timeout = span;
        self
    }

    /// How long a call may take in all, and the server for one statement of it; 30 s.
    #[must_use]
    pub const fn call_timeout(mut self, span: Duration) -> Self {
        self.call_timeout = span;
        self
    }

    /// How long a process that stopped without a word keeps its claims from others; 15 s.
    /// A running one says three times as often that it is there. How long it keeps an
    /// account is [`Settings::lease_ttl`](matrix_bridge_core::Settings::lease_ttl).
    #[must_use]
    pub const fn takeover(mut self, span: Duration) -> Self {
        self.takeover = span;
        self
    }

    /// Without a connection that listens for other processes: rows that they enqueue are
    /// found by looking, every few seconds.
    #[must_use]
    pub const fn without_listening(mut self) -> Self {
        self.listens = false;
        self
    }

    /// Whose clock says when leases and claims run out; [`LeaseClock::Database`].
    #[must_use]
    pub const fn lease_clock(mut self, clock: LeaseClock) -> Self {
        self.clock = clock;
        self
    }

    /// Encrypts connections, with these roots and certificates, where the address says
    /// `sslmode=require` or the server offers it.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Opens the store, makes its tables or brings them up to date, and joins the
    /// processes that work on it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what was found and what to do.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        open::open(self).await
    }

    /// Opens the store for [`copy`](matrix_bridge_core::copy) and nothing else: also one
    /// that a copy has left unfinished.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); and [`OpenError::InUse`] where a process works on it, or has
    /// not counted as gone within [`takeover`](Self::takeover).
    pub async fn open_for_copy(mut self) -> Result<PostgresStore, OpenError> {
        self.for_copy = true;
        self.open().await
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address: it may hold a password.
        f.debug_struct("PostgresConfig")
            .field("hosts", &self.server.get_hosts())
            .field("database", &self.server.get_dbname())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
