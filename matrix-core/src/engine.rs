//! The whole: a source, a handler, a store and a sender, run together.

use std::{convert::Infallible, fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    Clock, EventHandler, Fence, HealthBoard, Identity, LeaseName, LeaseOutcome, LeaseRequest,
    Owner, Policy, Prepare, Random, RoomHistory, Sender, Settings, Source, Status, Store,
    StoreError, chain, dispatcher, metrics,
    pipeline::{Feed, Interrupted, Pipeline},
    shared::Shared,
};

/// The shortest time between two questions about the account's lease.
const SHORTEST: Duration = Duration::from_millis(100);

/// What an engine is made of.
pub struct Parts {
    /// Who we are: whose events are our own, and who sends.
    pub identity: Identity,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who carries rows to the homeserver.
    pub sender: Arc<dyn Sender>,
    /// Who reads what the source left out.
    pub history: Arc<dyn RoomHistory>,
    /// What decides.
    pub handler: Arc<dyn EventHandler>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub random: Arc<dyn Random>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Follows one account's rooms and sends what its handler decides.
///
/// 1. Put it together with [`Engine::new`], and set what differs from the defaults.
/// 2. Keep its [`handle`](Self::handle) to watch its health and change its policy.
/// 3. [`run`](Self::run) it until a token is cancelled.
#[derive(Debug)]
pub struct Engine {
    parts: Parts,
    settings: Settings,
    steps: Vec<Arc<dyn Prepare>>,
    policy: watch::Sender<Arc<Policy>>,
    health: HealthBoard,
    resumed: watch::Sender<u64>,
}

/// Watches a running engine and changes its policy. Cloning shares it.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    policy: watch::Sender<Arc<Policy>>,
    health: HealthBoard,
    resumed: watch::Sender<u64>,
}

impl EngineHandle {
    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }

    /// Puts another policy in force, from the next event and the next row on.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.send_replace(Arc::new(policy));
    }

    /// How the engine is, and where a host may add reasons of its own.
    #[must_use]
    pub const fn health(&self) -> &HealthBoard {
        &self.health
    }

    /// Says that the account may work again, with a new token for example: source and
    /// sender, where they wait because of the account, try again now.
    pub fn resume(&self) {
        self.resumed.send_modify(|count| *count += 1);
    }
}

impl Engine {
    /// An engine with the default policy and settings.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            settings: Settings::default(),
            steps: Vec::new(),
            policy: watch::Sender::new(Arc::new(Policy::default())),
            health: HealthBoard::default(),
            resumed: watch::Sender::new(0),
        }
    }

    /// Sets what it may do where.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        self.policy.send_replace(Arc::new(policy));
        self
    }

    /// Sets its bounds and times.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Writes how it is into `health`, which the host may have shown before the engine
    /// was there.
    #[must_use]
    pub fn with_health(mut self, health: HealthBoard) -> Self {
        self.health = health;
        self
    }

    /// Adds a step that makes rows ready to be sent, after those already there.
    #[must_use]
    pub fn with_step(mut self, step: Arc<dyn Prepare>) -> Self {
        self.steps.push(step);
        self
    }

    /// A handle that stays valid while it runs.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        EngineHandle {
            policy: self.policy.clone(),
            health: self.health.clone(),
            resumed: self.resumed.clone(),
        }
    }

    /// Runs until `stop` is cancelled. Then it writes down what is under way, within
    /// [`Settings::stop_within`]; what is left is done after the next start.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store cannot be used and waiting is no use. Everything
    /// else (a homeserver that is away, a token that is rejected) it waits for, and
    /// tells through its health.
    pub async fn run(
        self,
        source: Box<dyn Source>,
        stop: CancellationToken,
    ) -> Result<(), EngineError> {
        metrics::register();
        let policy = self.policy.subscribe();
        let shared = Arc::new(Shared::new(
            self.parts,
            policy,
            self.settings,
            self.health,
            self.resumed,
        ));
        // Whichever ends first takes the other with it.
        let stop = stop.child_token();
        let guard = stop.clone().drop_guard();
        let sending = tokio::spawn(dispatcher::run(shared.clone(), self.steps, stop.clone()));
        let outgoing = async {
            let result = sending.await;
            stop.cancel();
            result
                .map_err(EngineError::SenderLost)?
                .map_err(EngineError::Store)
        };
        let incoming = async {
            let result = take_in(&shared, source, &stop).await;
            stop.cancel();
            result
        };
        let (incoming, outgoing) = tokio::join!(biased; incoming, outgoing);
        drop(guard);
        incoming.and(outgoing)
    }
}

/// Why an engine ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store cannot be used.
    #[error("the engine stopped because of its store")]
    Store(#[source] StoreError),
    /// The source panicked, or its task was aborted.
    #[error("the engine stopped because its source was lost")]
    SourceLost,
    /// The task that sends panicked, or was aborted.
    #[error("the engine stopped because its sending task was lost")]
    SenderLost(#[source] tokio::task::JoinError),
}

/// Runs the pipeline, anew from what the store holds whenever it has to.
async fn take_in(
    shared: &Arc<Shared>,
    source: Box<dyn Source>,
    stop: &CancellationToken,
) -> Result<(), EngineError> {
    let mut feed = Feed::new(shared, source);
    let mut failures = 0;
    while !stop.is_cancelled() {
        let begun = shared.steady();
        let interrupted = match own(shared, stop).await {
            Ok(None) => return Ok(()),
            Ok(Some(owner)) => {
                let (given_back, result) = pipeline(shared, feed, &owner, stop).await;
                // Nobody reads it now, and perhaps another engine will.
                shared.set_source_up(false);
                let _ = shared.store.release(&owner.lease, owner.fence).await;
                feed = given_back.ok_or(EngineError::SourceLost)?;
                match result {
                    Ok(()) => return Ok(()),
                    Err(interrupted) => interrupted,
                }
            }
            Err(error) => Interrupted::from(error),
        };
        let message = match interrupted {
            Interrupted::Restart(message) => message,
            Interrupted::Store(error) => return Err(EngineError::Store(error)),
            Interrupted::SourceLost => return Err(EngineError::SourceLost),
        };
        // One that ran well for a while does not count as failing again.
        let ran_well = shared.steady().since(begun) > Duration::from_secs(60);
        failures = if ran_well { 1 } else { failures + 1 };
        note_restart(shared, &message);
        pause(
            shared,
            shared
                .reconnect_delay(failures)
                .max(Duration::from_millis(50)),
            stop,
        )
        .await;
    }
    Ok(())
}

/// Runs the pipeline once, renewing the lease beside it.
async fn pipeline(
    shared: &Arc<Shared>,
    feed: Feed,
    owner: &Owner,
    stop: &CancellationToken,
) -> (Option<Feed>, Result<(), Interrupted>) {
    let id = feed.source_id();
    let pipeline = match Pipeline::start(shared.clone(), id, owner.clone()).await {
        Ok(pipeline) => pipeline,
        Err(interrupted) => return (Some(feed), Err(interrupted)),
    };
    let run = pipeline.run(feed, stop);
    let keep = keep_lease(shared, owner);
    match select(pin!(run), pin!(keep)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => match never {},
    }
}

/// Becomes the account's owner; `None` if we are told to stop before.
async fn own(shared: &Shared, stop: &CancellationToken) -> Result<Option<Owner>, StoreError> {
    let lease = LeaseName::new(format!("ingest/{}", shared.account));
    while !stop.is_cancelled() {
        match ask_lease(shared, &lease).await? {
            LeaseOutcome::Held(fence) => {
                shared.take_over();
                shared.health.clear("standby");
                return Ok(Some(Owner { lease, fence }));
            }
            LeaseOutcome::Taken { until } => {
                shared.stand_by();
                let message = "another engine works on this account; this one stands by";
                if shared
                    .health
                    .raise("standby", Status::Degraded, message, shared.now())
                {
                    tracing::info!("{message}");
                }
                let left = until.since(shared.now());
                let longest = (shared.settings.lease_ttl / 12).max(SHORTEST);
                pause(shared, left.clamp(SHORTEST, longest), stop).await;
            }
        }
    }
    Ok(None)
}

/// Renews the lease for ever; one that is lost shows in the next commit.
async fn keep_lease(shared: &Shared, owner: &Owner) -> Infallible {
    loop {
        shared
            .clock
            .sleep((shared.settings.lease_ttl / 4).max(SHORTEST))
            .await;
        match ask_lease(shared, &owner.lease).await {
            Ok(LeaseOutcome::Held(Fence(fence))) if fence == owner.fence.0 => {}
            Ok(_) => tracing::warn!("the account's lease was lost"),
            Err(error) => tracing::warn!("the lease cannot be renewed: {}", chain(&error)),
        }
    }
}

async fn ask_lease(shared: &Shared, name: &LeaseName) -> Result<LeaseOutcome, StoreError> {
    let request = LeaseRequest {
        name: name.clone(),
        holder: shared.holder.clone(),
        now: shared.now(),
        ttl: shared.settings.lease_ttl,
    };
    shared.store.lease(request).await
}

fn note_restart(shared: &Shared, message: &str) {
    tracing::warn!("starting anew from what the store holds: {message}");
    let message = format!("{message}; it is tried again by itself");
    shared
        .health
        .raise("store", Status::Degraded, message, shared.now());
}

async fn pause(shared: &Shared, span: Duration, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = shared.clock.sleep(span) => {}
    }
}
