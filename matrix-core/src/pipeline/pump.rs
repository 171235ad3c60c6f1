//! Keeps one batch of the source ready, so that fetching overlaps with handling.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{Position, Source, SourceBatch, SourceError, Status, chain, shared::Shared};

/// A source that is being read ahead by one batch.
pub(crate) struct Pump {
    batches: mpsc::Receiver<SourceBatch>,
    stop: CancellationToken,
    task: JoinHandle<Box<dyn Source>>,
}

impl Pump {
    pub(crate) fn start(
        shared: Arc<Shared>,
        source: Box<dyn Source>,
        position: Option<Position>,
    ) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let reader = Reader {
            resumed: shared.resumed.subscribe(),
            shared,
            source,
            position,
            failures: 0,
            is_behind: true,
        };
        let task = tokio::spawn(reader.run(sender, stop.clone()));
        Self {
            batches,
            stop,
            task,
        }
    }

    /// The next batch; `None` never comes while the pump runs.
    pub(crate) async fn next(&mut self) -> Option<SourceBatch> {
        self.batches.recv().await
    }

    /// Stops reading and gives the source back; `None` if its task panicked.
    pub(crate) async fn stop(self) -> Option<Box<dyn Source>> {
        self.stop.cancel();
        drop(self.batches);
        self.task.await.ok()
    }
}

struct Reader {
    shared: Arc<Shared>,
    source: Box<dyn Source>,
    position: Option<Position>,
    failures: u32,
    resumed: watch::Receiver<u64>,
    /// Whether something may have happened while nobody listened.
    is_behind: bool,
}

/// A rejected account is asked about again this often: no hot loop, no restart needed.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// How long to wait after a failure.
struct Wait {
    delay: Duration,
    /// It is over when the account works again.
    is_for_account: bool,
}

impl Reader {
    async fn run(
        mut self,
        batches: mpsc::Sender<SourceBatch>,
        stop: CancellationToken,
    ) -> Box<dyn Source> {
        loop {
            let step = async {
                match self.read().await {
                    Ok(batch) => batches.send(batch).await.is_ok(),
                    Err(wait) => {
                        self.wait(wait).await;
                        true
                    }
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.source,
                goes_on = step => if !goes_on { return self.source },
            }
        }
    }

    async fn wait(&mut self, wait: Wait) {
        tokio::select! {
            biased;
            Ok(()) = self.resumed.changed(), if wait.is_for_account => {}
            () = self.shared.clock.sleep(wait.delay) => {}
        }
    }

    /// The next batch, or how long to wait.
    async fn read(&mut self) -> Result<SourceBatch, Wait> {
        // What changes from here on may have come too late for this attempt.
        self.resumed.mark_unchanged();
        match self.source.next(self.position.as_ref()).await {
            Ok(mut batch) => {
                self.recovered();
                batch.is_catch_up |= std::mem::take(&mut self.is_behind);
                if batch.position.is_some() {
                    self.position.clone_from(&batch.position);
                }
                Ok(batch)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn recovered(&mut self) {
        let health = &self.shared.health;
        health.synced(self.shared.now());
        for code in ["sync", "account", "sync_token"] {
            if health.clear(code) {
                tracing::info!(source = %self.source.id(), "reading again");
                if code == "account" {
                    self.shared.resume();
                }
            }
        }
        self.failures = 0;
    }

    fn failed(&mut self, error: &SourceError) -> Wait {
        self.failures += 1;
        if self.failures == 1 {
            self.is_behind = true;
            self.shared.note_outage();
        }
        let backoff = self.shared.reconnect_delay(self.failures);
        let (code, status, advice, delay) = match error {
            SourceError::Away { retry_after, .. } => {
                let delay = retry_after.map_or(backoff, |asked| asked.max(backoff));
                (
                    "sync",
                    Status::Degraded,
                    "it is tried again by itself",
                    delay,
                )
            }
            SourceError::Refused { .. } => (
                "sync",
                Status::Failed,
                "the account may not read here; it is tried again by itself",
                backoff.max(ACCOUNT_RETRY),
            ),
            SourceError::Account { trouble, .. } => {
                ("account", Status::Failed, trouble.advice(), ACCOUNT_RETRY)
            }
            SourceError::Position { .. } => (
                "sync_token",
                Status::Failed,
                "check that the store belongs to this homeserver and account",
                ACCOUNT_RETRY,
            ),
        };
        let message = format!("{}; {advice}", chain(error));
        if self
            .shared
            .health
            .raise(code, status, &message, self.shared.now())
        {
            tracing::warn!(source = %self.source.id(), code, "{message}");
        }
        Wait {
            delay,
            is_for_account: matches!(error, SourceError::Account { .. }),
        }
    }
}
