//! A bot under the stopwatch.

use std::{path::Path, sync::Arc, time::Duration};

use matrix_bridge::{
    Bot, Client, EngineError, EventHandler, OutboundQueue, Position, Settings, SourceId,
    SqliteStore, StateStore,
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Result, homeserver::counter::Counter, plain::TOKEN, took::Took};

/// Longer than any round on any machine takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

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

/// A bot that runs.
pub(crate) struct Running {
    store: Arc<SqliteStore>,
    begun: Instant,
    stop: CancellationToken,
    task: JoinHandle<std::result::Result<(), EngineError>>,
}

impl Running {
    /// Connects, and starts the watch together with the bot.
    pub(crate) async fn start(
        base_url: String,
        fresh: &Fresh,
        settings: Settings,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Self> {
        let client = Client::connect(base_url, TOKEN).await?;
        let store = fresh.store.clone();
        let bot = Bot::with_parts(client, store.clone(), handler).with_settings(settings);
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

    /// Waits until the store holds `position`, and starts the watch anew.
    pub(crate) async fn begin_after(
        &mut self,
        source: &SourceId,
        position: &Position,
    ) -> Result<()> {
        let is_there = async || -> Result<()> {
            while !is_at(&self.store, source, position).await? {
                sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, is_there()).await??;
        self.begun = Instant::now();
        Ok(())
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
        Ok(Took::new(count, span).with_writes(stats.calls, stats.transactions))
    }
}

/// Whether the store holds `position`.
pub(crate) async fn is_at(
    store: &SqliteStore,
    source: &SourceId,
    position: &Position,
) -> Result<bool> {
    Ok(store.checkpoint(source).await?.position.as_ref() == Some(position))
}

/// Whether nothing waits to be sent.
pub(crate) async fn has_sent_all(store: &SqliteStore) -> Result<bool> {
    Ok(store.depth().await?.waiting == 0)
}
