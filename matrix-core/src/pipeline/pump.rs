//! Keeps one batch of the source ready, so that fetching overlaps with handling.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    feed::{Feed, Pause},
    gaps::LOST,
};
use crate::{
    Continuity, Membership, Position, RoomBatch, SourceBatch, SourceError, Status, chain,
    shared::Shared, time::Moment,
};

/// A source that is being read ahead by one batch.
pub(crate) struct Pump {
    batches: mpsc::Receiver<SourceBatch>,
    stop: CancellationToken,
    task: JoinHandle<Feed>,
}

impl Pump {
    pub(crate) fn start(shared: Arc<Shared>, feed: Feed, position: Option<Position>) -> Self {
        let (sender, batches) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let reader = Reader {
            shared,
            feed,
            is_unsure: position.is_some(),
            looks: 0,
            next_look: Moment::default(),
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

    /// Stops reading and gives the feed back; `None` if its task panicked.
    pub(crate) async fn stop(self) -> Option<Feed> {
        self.stop.cancel();
        drop(self.batches);
        self.task.await.ok()
    }
}

struct Reader {
    shared: Arc<Shared>,
    feed: Feed,
    position: Option<Position>,
    /// Whether the position may be wrong although it is accepted.
    is_unsure: bool,
    /// How often that was to be looked up, in vain, and when it is tried again.
    looks: u32,
    next_look: Moment,
    /// How often in a row the position was refused; above 0 there is none.
    losses: u32,
    /// Whether something may have happened while nobody listened.
    is_behind: bool,
}

/// A rejected account is asked about again this often: no hot loop, no restart needed.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// After an outage of this length the position may be one that the homeserver does not
/// know any more, and takes for another.
const LONG_OUTAGE: Duration = Duration::from_secs(60);

impl Reader {
    async fn run(mut self, batches: mpsc::Sender<SourceBatch>, stop: CancellationToken) -> Feed {
        loop {
            let step = async {
                // Its place first: one that is read and waits for it would be one more.
                let Ok(place) = batches.reserve().await else {
                    return false;
                };
                self.feed.ready().await;
                if let Some(batch) = self.read().await {
                    place.send(batch);
                }
                true
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.feed,
                goes_on = step => if !goes_on { return self.feed },
            }
        }
    }

    /// The next batch; `None` if there is a pause before.
    async fn read(&mut self) -> Option<SourceBatch> {
        match self.feed.source.next(self.position.as_ref()).await {
            Ok(mut batch) => {
                self.recovered();
                if self.shared.encrypted.note(&batch) {
                    self.shared.note_outage();
                }
                batch.is_catch_up |= std::mem::take(&mut self.is_behind);
                batch.continuity = self.continuity().await;
                if batch.position.is_some() {
                    self.position.clone_from(&batch.position);
                }
                Some(batch)
            }
            Err(error) => {
                let pause = self.failed(&error);
                self.feed.pause(&self.shared, pause);
                None
            }
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
        if !self.may_look().await {
            self.is_unsure = false;
            return Continuity::Sure;
        }
        match self.heads().await {
            Some(heads) => {
                self.is_unsure = false;
                Continuity::Unsure(heads)
            }
            // It is looked up with a later batch; what this one holds is not trusted.
            None => Continuity::Unsure(Vec::new()),
        }
    }

    /// The newest event of each room; `None` if that cannot be looked up now.
    async fn heads(&mut self) -> Option<Vec<RoomBatch>> {
        if self.shared.steady() < self.next_look {
            return None;
        }
        match self.feed.source.heads().await {
            Ok(heads) => Some(heads),
            Err(error) => {
                self.looks = self.looks.saturating_add(1);
                self.next_look = self.shared.steady() + self.shared.reconnect_delay(self.looks);
                self.wait_as_asked(&error);
                let message = chain(&error);
                tracing::warn!("whether events were passed over cannot be looked up: {message}");
                None
            }
        }
    }

    /// What the homeserver asks for when it is looked up holds for reading, too.
    fn wait_as_asked(&mut self, error: &SourceError) {
        if let SourceError::Away {
            retry_after: Some(delay),
            ..
        } = error
        {
            let pause = Pause {
                delay: *delay,
                is_for_account: false,
            };
            self.feed.pause(&self.shared, pause);
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
                tracing::info!(source = %self.feed.source.id(), "reading again");
                if code == "account" {
                    self.shared.resume();
                }
            }
        }
        self.feed.failures = 0;
        if let Some(since) = self.feed.down_since.take()
            && self.position.is_some()
            && self.shared.steady().since(since) >= LONG_OUTAGE
        {
            // The homeserver may have been restored from a backup.
            (self.is_unsure, self.looks) = (true, 0);
            self.next_look = Moment::default();
        }
    }

    fn failed(&mut self, error: &SourceError) -> Pause {
        self.feed.failures += 1;
        if self.feed.failures == 1 {
            self.is_behind = true;
            self.feed.down_since = Some(self.shared.steady());
            self.shared.set_source_up(false);
            self.shared.note_outage();
        }
        let backoff = self.shared.reconnect_delay(self.feed.failures);
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
            tracing::warn!(source = %self.feed.source.id(), code, "{message}");
        }
        Pause {
            delay,
            is_for_account: matches!(error, SourceError::Account { .. }),
        }
    }
}
