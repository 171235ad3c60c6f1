//! An account that follows its rooms and answers.

use std::{pin::pin, sync::Arc};

use matrix_bridge_core::{
    Engine, EngineError, EngineHandle, EventHandler, HealthBoard, History, Parts, Policy, Prepare,
    Settings, Store,
};
use tokio_util::sync::CancellationToken;

use crate::{Client, ClientHistory, ClientSender, SyncSettings, SyncSource, SystemRandom};

/// An account that follows its rooms, hands events to a handler and sends what it
/// decides.
///
/// Until told otherwise it is active in every room the account is in, accepts no
/// invites and skips what was said before it came; see [`Policy`].
#[derive(Debug)]
pub struct Bot {
    client: Client,
    engine: Engine,
    sync: SyncSettings,
    /// The store, if nobody else has it: it is closed at the end.
    own_store: Option<Arc<dyn Store>>,
}

impl Bot {
    /// A bot that keeps everything in `store` and lets `handler` decide.
    pub fn new(client: Client, store: impl Store, handler: impl EventHandler) -> Self {
        let store: Arc<dyn Store> = Arc::new(store);
        let bot = Self::with_parts(client, store.clone(), Arc::new(handler));
        Self {
            own_store: Some(store),
            ..bot
        }
    }

    /// The same with a store and a handler that are shared with the host, who closes the
    /// store.
    pub fn with_parts(
        client: Client,
        store: Arc<dyn Store>,
        handler: Arc<dyn EventHandler>,
    ) -> Self {
        let engine = Engine::new(Parts {
            identity: client.identity().clone(),
            store,
            sender: Arc::new(ClientSender::new(client.clone())),
            history: Arc::new(ClientHistory::new(client.clone())),
            handler,
            clock: client.clock(),
            random: Arc::new(SystemRandom),
        });
        Self {
            client,
            engine,
            sync: SyncSettings::default(),
            own_store: None,
        }
    }

    /// Sets what it may do where.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        if let History::Last(count) = policy.history {
            // State events in between do not count, so some more are asked for.
            self.sync.first_timeline = count.saturating_mul(2).clamp(1, 1_000);
        }
        self.engine = self.engine.with_policy(policy);
        self
    }

    /// Sets its bounds and times.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.engine = self.engine.with_settings(settings);
        self
    }

    /// Writes how it is into `health`, which the host may have shown while it was still
    /// connecting.
    #[must_use]
    pub fn with_health(mut self, health: HealthBoard) -> Self {
        self.engine = self.engine.with_health(health);
        self
    }

    /// Adds a step that makes rows ready to be sent.
    #[must_use]
    pub fn with_step(mut self, step: Arc<dyn Prepare>) -> Self {
        self.engine = self.engine.with_step(step);
        self
    }

    /// Watches its health and changes its policy while it runs.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        self.engine.handle()
    }

    /// Runs until `stop` is cancelled, then writes down what is under way.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store cannot be used. A homeserver that is away or a
    /// token that is rejected it waits for, and tells through its health.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EngineError> {
        let source = SyncSource::new(self.client.clone(), self.sync);
        let handle = self.engine.handle();
        let result = tokio::select! {
            biased;
            result = self.engine.run(Box::new(source), stop) => result,
            // It never ends.
            () = self.client.keep_token(&handle) => Ok(()),
        };
        let closed = match self.own_store {
            Some(store) => store.close().await,
            None => Ok(()),
        };
        result.and_then(|()| closed.map_err(EngineError::Store))
    }

    /// Runs until `until` resolves, such as `tokio::signal::ctrl_c()`.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn run_until<T>(self, until: impl Future<Output = T>) -> Result<(), EngineError> {
        let stop = CancellationToken::new();
        let mut run = pin!(self.run(stop.clone()));
        tokio::select! {
            biased;
            result = &mut run => return result,
            _ = until => stop.cancel(),
        }
        run.await
    }
}
