//! A bot under the stopwatch.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use matrix_bridge::{
    Bot, Client, EngineError, EventHandler, OutboundQueue, SqliteStore, StateStore,
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Result, counter::Counter, homeserver::Homeserver, plain::TOKEN};

/// Longer than any round on any machine takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much was done, in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) count: usize,
    pub(crate) span: Duration,
    /// Calls that wrote to the store, and the commits they were grouped into.
    writes: Option<(u64, u64)>,
}

impl Took {
    pub(crate) const fn new(count: usize, span: Duration) -> Self {
        Self {
            count,
            span,
            writes: None,
        }
    }
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:.2?}", self.count, self.span)?;
        match self.writes {
            Some((calls, commits)) => write!(f, ", {calls} writing calls in {commits} commits"),
            None => Ok(()),
        }
    }
}

/// A new store, on the same kind of disk as the build.
pub(crate) struct Fresh {
    pub(crate) store: Arc<SqliteStore>,
    _folder: TempDir,
}

impl Fresh {
    pub(crate) fn store() -> Result<Self> {
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        let store = Arc::new(SqliteStore::open(folder.path().join("bot.db"))?);
        Ok(Self {
            store,
            _folder: folder,
        })
    }
}

/// A bot that runs since [`begun`](Self::begun).
pub(crate) struct Running {
    store: Arc<SqliteStore>,
    begun: Instant,
    stop: CancellationToken,
    task: JoinHandle<std::result::Result<(), EngineError>>,
}

impl Running {
    /// Connects, and starts the watch together with the bot.
    pub(crate) async fn start(
        homeserver: &Homeserver,
        fresh: &Fresh,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Self> {
        let client = Client::connect(homeserver.base_url(), TOKEN).await?;
        let store = fresh.store.clone();
        let bot = Bot::with_parts(client, store.clone(), handler);
        let stop = CancellationToken::new();
        let begun = Instant::now();
        let task = tokio::spawn(bot.run(stop.clone()));
        Ok(Self {
            store,
            begun,
            stop,
            task,
        })
    }

    /// Stops the watch once `counter` is through and the store `has_all` of it, then the
    /// bot. The store is asked only at the end, so that asking costs next to nothing.
    pub(crate) async fn until(
        self,
        count: usize,
        counter: &Counter,
        has_all: impl AsyncFn(&SqliteStore) -> Result<bool>,
    ) -> Result<Took> {
        timeout(PATIENCE, counter.reached()).await?;
        while !has_all(&self.store).await? {
            sleep(Duration::from_millis(1)).await;
        }
        let span = self.begun.elapsed();
        let stats = self.store.writer_stats();
        self.stop.cancel();
        self.task.await??;
        self.store.close().await?;
        Ok(Took {
            count,
            span,
            writes: Some((stats.calls, stats.transactions)),
        })
    }
}

/// Whether nothing waits to be sent.
pub(crate) async fn has_sent_all(store: &SqliteStore) -> Result<bool> {
    Ok(store.depth().await?.waiting == 0)
}
