//! The way out: lanes are claimed, their rows sent in order, many lanes at once.

mod gate;
mod lane;
mod pauses;
mod settler;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use self::{
    gate::EncryptionGate,
    pauses::{Allowance, Pauses},
};
use crate::{
    ClaimRequest, ClaimToken, Prepare, RowId, Settlement, Status, StoreError, StoreErrorKind,
    Timestamp, Verdict, chain, shared::Shared,
};

/// Other processes enqueue too, and tell nobody: look at least this often.
const POLL: Duration = Duration::from_secs(5);

/// What the lanes of one dispatcher share.
struct Work {
    shared: Arc<Shared>,
    pauses: Mutex<Pauses>,
    gate: EncryptionGate,
    steps: Vec<Arc<dyn Prepare>>,
}

impl Work {
    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        // Each change is one insertion or removal: a panic leaves it whole.
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends rows until it is told to stop, then settles what is under way.
pub(crate) async fn run(
    shared: Arc<Shared>,
    steps: Vec<Arc<dyn Prepare>>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let work = Arc::new(Work {
        shared: shared.clone(),
        pauses: Mutex::default(),
        gate: EncryptionGate::default(),
        steps,
    });
    let (sender, receiver) = mpsc::channel(settler::CHANNEL);
    let settler = tokio::spawn(settler::run(shared.clone(), receiver));
    let mut dispatcher = Dispatcher {
        work,
        lanes: JoinSet::new(),
        open: BTreeMap::new(),
        settlements: sender,
        failures: 0,
    };
    let result = dispatcher.run(&stop).await;
    dispatcher.finish().await;
    // Closed by now: the settler ends when it has written what was left.
    let _ = settler.await;
    result
}

struct Dispatcher {
    work: Arc<Work>,
    lanes: JoinSet<ClaimToken>,
    /// The claims of the lanes under way, with their rows.
    open: BTreeMap<ClaimToken, Vec<RowId>>,
    settlements: mpsc::Sender<Settlement>,
    failures: u32,
}

impl Dispatcher {
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let shared = self.work.shared.clone();
        let mut resumed = shared.resumed.subscribe();
        loop {
            let wait = match self.claim(stop).await {
                Ok(wait) => {
                    self.failures = 0;
                    wait
                }
                Err(error) => self.failed(error)?,
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                // A lane that ended makes room for another.
                Some(ended) = self.lanes.join_next() => self.ended(ended),
                () = shared.enqueued.notified() => {}
                Ok(()) = resumed.changed() => self.resume(),
                () = shared.clock.sleep(wait) => {}
            }
        }
    }

    /// The account may work again: what was found out about it is out of date.
    fn resume(&self) {
        self.work.pauses().resume();
        self.work.shared.health.clear(lane::ACCOUNT);
    }

    /// Claims lanes while there is room, and starts them. Returns how long to wait if
    /// nothing happens.
    async fn claim(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        let shared = self.work.shared.clone();
        let now = shared.now();
        let room = shared.settings.in_flight.saturating_sub(self.lanes.len());
        let (lanes, rows_per_lane) = match self.work.pauses().allowance(now) {
            Allowance::Open => (room, shared.settings.rows_per_lane),
            Allowance::Probe if self.lanes.is_empty() => (1, 1),
            Allowance::Probe => (0, 0),
            Allowance::Closed(until) => return Ok(until.since(now).min(POLL)),
        };
        if lanes == 0 {
            return Ok(POLL);
        }
        let paused = self.work.pauses().paused(now);
        let ttl = shared.settings.claim_ttl;
        let request = ClaimRequest {
            now,
            ttl,
            lanes,
            rows_per_lane,
            paused,
        };
        let claims = shared.store.claim(request).await?;
        let is_idle = claims.len() < lanes;
        for claim in claims {
            let rows = claim.rows.iter().map(|row| row.id).collect();
            self.open.insert(claim.token, rows);
            let (work, settlements) = (self.work.clone(), self.settlements.clone());
            self.lanes
                .spawn(lane::send(work, claim, settlements, stop.clone()));
        }
        if is_idle {
            self.until_next(now).await
        } else {
            Ok(POLL)
        }
    }

    /// How long until something may be due, by itself.
    async fn until_next(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let due = self.work.shared.store.next_due().await?;
        let end = self.work.pauses().next_end(now);
        // What is due and was not claimed waits for a pause to end or a lane to settle.
        let next = due.filter(|due| *due > now).into_iter().chain(end).min();
        Ok(next.map_or(POLL, |next| next.since(now)).min(POLL))
    }

    /// The store failed: how long to wait, or the error if waiting is no use.
    fn failed(&mut self, error: StoreError) -> Result<Duration, StoreError> {
        if !matches!(
            error.kind(),
            StoreErrorKind::Unavailable | StoreErrorKind::Unknown
        ) {
            return Err(error);
        }
        self.failures += 1;
        let shared = &self.work.shared;
        let message = format!("the outbox cannot be read: {}", chain(&error));
        if shared
            .health
            .raise("outbox", Status::Degraded, &message, shared.now())
        {
            tracing::warn!("{message}");
        }
        Ok(shared
            .reconnect_delay(self.failures)
            .max(Duration::from_millis(50)))
    }

    fn ended(&mut self, lane: Result<ClaimToken, JoinError>) {
        match lane {
            Ok(token) => {
                self.open.remove(&token);
            }
            // Its rows wait until the claim runs out, and are then tried again.
            Err(error) => tracing::error!("sending the rows of a lane broke off: {error}"),
        }
    }

    /// Waits for the requests under way, as long as the settings allow.
    async fn finish(mut self) {
        let shared = self.work.shared.clone();
        let mut limit = shared.clock.sleep(shared.settings.stop_within);
        loop {
            tokio::select! {
                biased;
                ended = self.lanes.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
                () = &mut limit => {
                    tracing::warn!("requests under way are given up, and repeated after a start");
                    self.lanes.shutdown().await;
                }
            }
        }
        self.free().await;
    }

    /// Ends the claims of requests that were given up: what they were about may have
    /// happened, and is tried again under the same transaction ids.
    async fn free(self) {
        let at = self.work.shared.now();
        for (token, rows) in self.open {
            for row in rows {
                let verdict = Verdict::Retry {
                    due: at,
                    counted: false,
                };
                let settlement = Settlement {
                    row,
                    token,
                    verdict,
                    at,
                };
                if self.settlements.send(settlement).await.is_err() {
                    return;
                }
            }
        }
    }
}
