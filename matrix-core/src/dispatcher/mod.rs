//! The way out: lanes are claimed, their rows sent in order, many lanes at once.

mod answers;
mod flight;
mod gate;
mod lane;
mod look;
mod measure;
mod outcome;
mod pace;
mod paces;
mod pauses;
mod review;
mod settler;
mod target;
mod turns;

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
    answers::Answers,
    gate::EncryptionGate,
    paces::{Key, Paces},
    pauses::{Allowance, Pauses},
    review::Review,
    turns::Turns,
};
use crate::{
    Claim, ClaimRequest, ClaimToken, Prepare, RowId, Settlement, Status, StoreError,
    StoreErrorKind, Timestamp, Verdict, chain, shared::Shared, time::Moment,
};

/// Other processes enqueue too, and not every store hears of it: look at least this often.
const POLL: Duration = Duration::from_secs(5);

/// What the lanes of one dispatcher share.
struct Work {
    shared: Arc<Shared>,
    pauses: Mutex<Pauses>,
    paces: Mutex<Paces>,
    answers: Mutex<Answers>,
    gate: EncryptionGate,
    steps: Vec<Arc<dyn Prepare>>,
}

impl Work {
    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        // Each change is one insertion or removal: a panic leaves it whole.
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paces(&self) -> MutexGuard<'_, Paces> {
        // What is half changed there only makes a wait longer or shorter.
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
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
        paces: Mutex::default(),
        answers: Mutex::default(),
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
        review: Review::default(),
        limited: Turns::default(),
        others: Turns::default(),
        failures: 0,
    };
    let result = dispatcher.run(&stop).await;
    dispatcher.finish().await;
    // Closed by now: the settler ends when it has written what was left.
    let _ = settler.await;
    result
}

/// A claim under way.
struct Open {
    rows: Vec<RowId>,
    /// Whose rows they are.
    of: Option<Key>,
}

/// How much is to be claimed, from whom.
struct Wanted {
    /// Whether it is from those who are limited.
    is_limited: bool,
    lanes: usize,
    rows_per_lane: usize,
    paused: Vec<Key>,
}

struct Dispatcher {
    work: Arc<Work>,
    lanes: JoinSet<ClaimToken>,
    /// The claims of the lanes under way.
    open: BTreeMap<ClaimToken, Open>,
    settlements: mpsc::Sender<Settlement>,
    review: Review,
    limited: Turns,
    others: Turns,
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
                () = shared.store.changed() => {}
                Ok(()) = resumed.changed() => self.resume(),
                () = shared.clock.sleep(wait) => {}
            }
        }
    }

    /// The account may work again: what was found out about it is out of date.
    fn resume(&self) {
        self.work.pauses().resume();
        self.work.shared.health.clear(outcome::ACCOUNT);
    }

    /// Claims lanes while there is room, and starts them. Returns how long to wait if
    /// nothing happens.
    async fn claim(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        let (now, at) = (self.work.shared.now(), self.work.shared.steady());
        self.review.run(&self.work, at).await?;
        let mut room = self.room(at);
        let mut is_idle = room > 0;
        for Wanted {
            is_limited,
            lanes,
            rows_per_lane,
            paused,
        } in self.wanted(at, room)
        {
            let asked = lanes.min(room);
            let turns = match is_limited {
                true => &mut self.limited,
                false => &mut self.others,
            };
            let request = ClaimRequest {
                now,
                ttl: self.work.shared.settings.claim_ttl,
                lanes: asked,
                newcomers: turns.newcomers(asked),
                rows_per_lane,
                paused,
            };
            let claims = self.work.shared.store.claim(request).await?;
            is_idle &= claims.len() < asked;
            room -= claims.len();
            for claim in claims {
                self.start(claim, now, stop);
            }
        }
        if is_idle {
            return self.until_next(now, at).await;
        }
        Ok(self.until_end(at).min(POLL))
    }

    /// For how many more lanes there is room.
    fn room(&self, now: Moment) -> usize {
        let in_flight = self.work.shared.settings.in_flight;
        match self.work.pauses().allowance(now) {
            Allowance::Open => in_flight.saturating_sub(self.lanes.len()),
            Allowance::Probe => usize::from(self.lanes.is_empty()),
            Allowance::Closed(_) => 0,
        }
    }

    /// What to claim for `room` lanes: of those who are limited as much as they may send
    /// soon, so that they hold no places for nothing, and then of the others.
    fn wanted(&self, now: Moment, room: usize) -> Vec<Wanted> {
        if room == 0 {
            return Vec::new();
        }
        let most = match self.work.pauses().allowance(now) {
            Allowance::Open => self.work.shared.settings.rows_per_lane,
            Allowance::Probe | Allowance::Closed(_) => 1,
        };
        let mut active: BTreeMap<Key, usize> = BTreeMap::new();
        for of in self.open.values().filter_map(|open| open.of.clone()) {
            *active.entry(of).or_default() += 1;
        }
        let paused = self.work.pauses().paused(now);
        let places = self.work.paces().places(now, &active, most);
        let mut wanted = Vec::new();
        if places.lanes > 0 {
            wanted.push(Wanted {
                is_limited: true,
                lanes: places.lanes,
                rows_per_lane: places.rows_per_lane,
                paused: [paused.clone(), places.shut].concat(),
            });
        }
        wanted.push(Wanted {
            is_limited: false,
            lanes: room,
            rows_per_lane: most,
            paused: [paused, places.limited].concat(),
        });
        wanted
    }

    fn start(&mut self, claim: Claim, now: Timestamp, stop: &CancellationToken) {
        let of = claim.rows.first();
        let open = Open {
            rows: claim.rows.iter().map(|row| row.id).collect(),
            of: of.map(|row| (row.sender.user.clone(), row.class)),
        };
        self.open.insert(claim.token, open);
        let (work, settlements) = (self.work.clone(), self.settlements.clone());
        self.lanes
            .spawn(lane::send(work, claim, now, settlements, stop.clone()));
    }

    /// How long until something may be due, by itself.
    async fn until_next(&self, now: Timestamp, at: Moment) -> Result<Duration, StoreError> {
        let due = self.work.shared.store.next_due().await?;
        // What is due and was not claimed waits for a pause to end or a lane to settle.
        let due = due.filter(|due| *due > now);
        let due = due.map_or(POLL, |due| due.since(now));
        Ok(due.min(self.until_end(at)).min(POLL))
    }

    /// How long until the next wait of a sender ends.
    fn until_end(&self, now: Moment) -> Duration {
        let limits = self.work.paces().next_end(now);
        let pauses = self.work.pauses().next_end(now);
        let end = limits.into_iter().chain(pauses).min();
        end.map_or(Duration::MAX, |end| end.since(now))
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
        for (token, open) in self.open {
            for row in open.rows {
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
