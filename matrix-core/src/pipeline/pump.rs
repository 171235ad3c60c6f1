//! Keeps one batch of the source ready, so that fetching overlaps with handling.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::gaps::LOST;
use crate::{
    Continuity, Membership, Position, RoomBatch, Source, SourceBatch, SourceError, Status,
    Timestamp, chain, shared::Shared,
};

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
            failures: 0,
            down_since: None,
            is_unsure: position.is_some(),
            looks: 0,
            asked_wait: Duration::ZERO,
            losses: 0,
            position,
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
    /// Since when it fails.
    down_since: Option<Timestamp>,
    /// Whether the position may be wrong although it is accepted.
    is_unsure: bool,
    /// How often that was to be looked up, in vain.
    looks: u32,
    /// What the homeserver asked us to wait when it was looked up.
    asked_wait: Duration,
    /// How often in a row the position was refused; above 0 there is none.
    losses: u32,
    resumed: watch::Receiver<u64>,
    /// Whether something may have happened while nobody listened.
    is_behind: bool,
}

/// A rejected account is asked about again this often: no hot loop, no restart needed.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// After an outage of this length the position may be one that the homeserver does not
/// know any more, and takes for another.
const LONG_OUTAGE: Duration = Duration::from_secs(60);

/// How often it is tried to look that up.
const LOOKS: u32 = 3;

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
        let delay = std::mem::take(&mut self.asked_wait);
        if !delay.is_zero() {
            let is_for_account = false;
            return Err(Wait {
                delay,
                is_for_account,
            });
        }
        // What changes from here on may have come too late for this attempt.
        self.resumed.mark_unchanged();
        match self.source.next(self.position.as_ref()).await {
            Ok(mut batch) => {
                self.recovered();
                batch.is_catch_up |= std::mem::take(&mut self.is_behind);
                batch.continuity = self.continuity().await;
                if batch.position.is_some() {
                    self.position.clone_from(&batch.position);
                }
                Ok(batch)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// How the batch that was just read is joined to the one before it.
    async fn continuity(&mut self) -> Continuity {
        if self.position.is_none() {
            return match self.losses {
                0 => Continuity::Sure,
                _ => Continuity::Lost,
            };
        }
        self.losses = 0;
        if !self.is_unsure {
            return Continuity::Sure;
        }
        self.heads().await.map_or(Continuity::Sure, |heads| {
            self.is_unsure = false;
            Continuity::Unsure(heads)
        })
    }

    /// The newest event of each room, if it is to be looked up and can be.
    async fn heads(&mut self) -> Option<Vec<RoomBatch>> {
        if !self.may_look().await {
            self.is_unsure = false;
            return None;
        }
        match self.source.heads().await {
            Ok(heads) => Some(heads),
            Err(error) => {
                self.looks += 1;
                if let SourceError::Away { retry_after, .. } = &error {
                    self.asked_wait = retry_after.unwrap_or_default();
                }
                let message = chain(&error);
                tracing::warn!("whether events were passed over cannot be looked up: {message}");
                self.is_unsure = self.looks < LOOKS;
                None
            }
        }
    }

    /// Whether there are few enough rooms for it.
    async fn may_look(&mut self) -> bool {
        let Shared {
            settings,
            store,
            account,
            ..
        } = &*self.shared;
        let max = settings.checked_rooms;
        if max == 0 {
            return false;
        }
        let joined = store.rooms(account, Membership::Join, None, max.saturating_add(1));
        let is_few = joined.await.is_ok_and(|rooms| rooms.len() <= max);
        if !is_few {
            tracing::info!(
                max,
                "too many rooms to look up whether events were passed over"
            );
        }
        is_few
    }

    fn recovered(&mut self) {
        let health = &self.shared.health;
        health.synced(self.shared.now());
        self.shared.set_source_up(true);
        // Who is told that the account works again, or what is read of what was missed,
        // are others.
        for code in ["sync", "account"] {
            if health.clear(code) {
                tracing::info!(source = %self.source.id(), "reading again");
                if code == "account" {
                    self.shared.resume();
                }
            }
        }
        self.failures = 0;
        if let Some(since) = self.down_since.take()
            && self.position.is_some()
            && self.shared.now().since(since) >= LONG_OUTAGE
        {
            // The homeserver may have been restored from a backup.
            (self.is_unsure, self.looks) = (true, 0);
        }
    }

    fn failed(&mut self, error: &SourceError) -> Wait {
        self.failures += 1;
        if self.failures == 1 {
            self.is_behind = true;
            self.down_since = Some(self.shared.now());
            self.shared.set_source_up(false);
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
            SourceError::Position { .. } => {
                // One that is refused again and again must not spin.
                self.losses += 1;
                self.position = None;
                let delay = match self.losses {
                    1 => Duration::ZERO,
                    losses => self.shared.reconnect_delay(losses),
                };
                (
                    LOST,
                    Status::Degraded,
                    "each room is read from the last event seen there, which takes a while; check \
                     that the store belongs to this homeserver and account",
                    delay,
                )
            }
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
