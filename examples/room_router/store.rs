//! The store: a file of this bot's own, or a database that several bots share.

use std::{path::Path, sync::Arc, time::Duration};

use matrix_bridge::{BackupError, OpenError, SqliteConfig, Store, chain};

use super::{Fatal, config::StorePlace};

impl StorePlace {
    /// The store, if it is sure that it is there. Otherwise it is only looked whether it
    /// could be.
    pub(crate) async fn open_existing(
        &self,
        takeover: Duration,
    ) -> Result<Option<Arc<dyn Store>>, Fatal> {
        let Self::File(path) = self else {
            return self.open(takeover).await.map(Some);
        };
        if path.exists() {
            return self.open(takeover).await.map(Some);
        }
        match SqliteConfig::new(path).open_reader() {
            Ok(_) | Err(OpenError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The store, for the bot; made if it is not there.
    pub(crate) async fn open(&self, takeover: Duration) -> Result<Arc<dyn Store>, Fatal> {
        match self {
            Self::File(path) => {
                let store = SqliteConfig::new(path);
                // A large store takes a moment, in which health is still to be served.
                let opened = tokio::task::spawn_blocking(move || store.open_engine()).await;
                match opened {
                    Ok(store) => Ok(Arc::new(store?)),
                    Err(error) => Err(Fatal::failed("opening the store", &error)),
                }
            }
            Self::Postgres(url) => postgres::open(url, takeover).await,
        }
    }

    /// The store, for a person, beside the bot.
    pub(crate) async fn open_reader(&self) -> Result<Arc<dyn Store>, Fatal> {
        match self {
            Self::File(path) => Ok(Arc::new(SqliteConfig::new(path).open_reader()?)),
            Self::Postgres(url) => postgres::open_reader(url).await,
        }
    }

    /// Copies the store to a file, beside the bot.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), Fatal> {
        match self {
            Self::File(path) => {
                let store = SqliteConfig::new(path).open_reader()?;
                Ok(store.back_up(to).await?)
            }
            Self::Postgres(_) => Err(Fatal::Refused(
                "backup: the store is a PostgreSQL database; back it up with pg_dump".to_owned(),
            )),
        }
    }
}

/// Lets go of it.
pub(crate) async fn close(store: &dyn Store) {
    if let Err(error) = store.close().await {
        tracing::warn!("closing the store: {}", chain(&error));
    }
}

impl From<OpenError> for Fatal {
    fn from(error: OpenError) -> Self {
        Self::Refused(format!("store: {}", chain(&error)))
    }
}

impl From<BackupError> for Fatal {
    fn from(error: BackupError) -> Self {
        Self::Refused(format!("backup: {}", chain(&error)))
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::{sync::Arc, time::Duration};

    use matrix_bridge::{PostgresConfig, PostgresOpenError, Store, chain};

    use super::Fatal;

    pub(super) async fn open(url: &str, takeover: Duration) -> Result<Arc<dyn Store>, Fatal> {
        let store = PostgresConfig::new(url)?.takeover(takeover);
        Ok(Arc::new(store.open().await?))
    }

    pub(super) async fn open_reader(url: &str) -> Result<Arc<dyn Store>, Fatal> {
        let store = PostgresConfig::new(url)?.without_listening();
        Ok(Arc::new(store.max_connections(1).open().await?))
    }

    impl From<PostgresOpenError> for Fatal {
        fn from(error: PostgresOpenError) -> Self {
            let message = format!("store: {}", chain(&error));
            match error {
                // It may be there in a while: whoever started the bot starts it again.
                PostgresOpenError::Unavailable(_) => Self::Failed(message),
                _ => Self::Refused(message),
            }
        }
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    use std::{sync::Arc, time::Duration};

    use matrix_bridge::Store;

    use super::Fatal;

    pub(super) async fn open(_url: &str, _takeover: Duration) -> Result<Arc<dyn Store>, Fatal> {
        Err(missing())
    }

    pub(super) async fn open_reader(_url: &str) -> Result<Arc<dyn Store>, Fatal> {
        Err(missing())
    }

    fn missing() -> Fatal {
        Fatal::Refused(
            "store: this program was built without PostgreSQL; build it with --features postgres"
                .to_owned(),
        )
    }
}
