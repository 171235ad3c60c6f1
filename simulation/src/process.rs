//! One process of the host: it connects, and runs the engine until it dies.

use std::{sync::Arc, time::Duration};

use matrix_bridge_client::{Client, ClientHistory, ClientSender, SyncSettings, SyncSource};
use matrix_bridge_core::{Engine, EngineError, HealthBoard, Parts, Policy, Settings, Store};
use matrix_bridge_testkit::{
    crash::{ScriptedStore, Side},
    virtual_time::SeededRandom,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    bot::Obedient, clock::WallClock, disk::OwnDisk, mortal::Mortal, token::Token, watch::Watch,
    wire::Wire, world::World,
};

/// How soon a host that could not connect tries again.
const RECONNECT: Duration = Duration::from_secs(5);

/// A process that runs, or did.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) mortal: Arc<Mortal>,
    pub(crate) health: HealthBoard,
    stop: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
}

/// What a process is made of.
struct Host {
    store: Arc<dyn Store>,
    transport: Arc<Wire>,
    clock: WallClock,
    random: Arc<SeededRandom>,
    token: Arc<Token>,
    policy: Policy,
    health: HealthBoard,
    watch: Arc<Watch>,
    number: u32,
}

impl Process {
    /// Starts a process that dies at that step, if one is given.
    pub(crate) fn start(world: &World, number: u32, dies: Option<(u64, Side)>) -> Self {
        let mortal = Arc::new(Mortal::new(number, dies));
        let watch = world.watch.clone();
        watch.note(format_args!("p{number} starts, to die at {dies:?}"));
        let disk = OwnDisk {
            disk: world.disk.clone(),
            mortal: mortal.clone(),
            watch: watch.clone(),
        };
        let wire = Wire {
            inner: world.server.transport(),
            mortal: mortal.clone(),
            watch: watch.clone(),
        };
        let health = HealthBoard::default();
        let host = Host {
            store: Arc::new(ScriptedStore::with_script(world.store(), disk)),
            transport: Arc::new(wire),
            clock: world.clock.clone(),
            random: Arc::new(SeededRandom::new(world.seed ^ u64::from(number) << 32)),
            token: world.token.clone(),
            policy: world.policy(),
            health: health.clone(),
            watch,
            number,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(host.run(stop.clone()));
        Self {
            mortal,
            health,
            stop,
            task,
        }
    }

    /// Stops it as a host does that is told to end.
    pub(crate) async fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        let Self { mortal, task, .. } = self;
        let ended = tokio::select! {
            biased;
            () = mortal.death() => return Ok(()),
            ended = tokio::time::timeout(Duration::from_secs(3_600), task) => ended,
        };
        match ended {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(format!(
                "an engine ended: {}",
                matrix_bridge_core::chain(&error)
            )),
            Ok(Err(error)) => Err(format!("an engine was lost: {error}")),
            Err(_) => Err("an engine did not stop within an hour".to_owned()),
        }
    }

    /// Kills it where it stands.
    pub(crate) fn kill(self) {
        self.mortal.die();
        self.task.abort();
    }

    /// Comes with its death.
    pub(crate) async fn death(&self) {
        self.mortal.death().await;
    }

    /// Whether its engine ended, though nobody told it to.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Host {
    async fn run(self, stop: CancellationToken) -> Result<(), EngineError> {
        let Some(client) = self.connect(&stop).await else {
            return Ok(());
        };
        let Self {
            store,
            transport: _,
            clock,
            random,
            token: _,
            policy,
            health,
            watch,
            number,
        } = self;
        let parts = Parts {
            identity: client.identity().clone(),
            store,
            sender: Arc::new(ClientSender::new(client.clone())),
            history: Arc::new(ClientHistory::new(client.clone())),
            handler: Arc::new(Obedient { number, watch }),
            clock: Arc::new(clock),
            random,
        };
        let engine = Engine::new(parts)
            .with_policy(policy)
            .with_settings(settings())
            .with_health(health);
        let handle = engine.handle();
        let source = SyncSource::new(client.clone(), SyncSettings::default());
        tokio::select! {
            biased;
            result = engine.run(Box::new(source), stop) => result,
            // It never ends.
            () = client.keep_token(&handle) => Ok(()),
        }
    }

    /// Connects, however often it takes; `None` if it is told to stop before.
    async fn connect(&self, stop: &CancellationToken) -> Option<Client> {
        loop {
            let connecting = Client::connect_with(
                self.transport.clone(),
                Arc::new(self.clock.clone()),
                "http://testkit.local",
                self.token.source(),
            );
            match connecting.await {
                Ok(client) => return Some(client),
                Err(error) => {
                    let why = matrix_bridge_core::chain(&error);
                    self.watch
                        .note(format_args!("p{} cannot connect: {why}", self.number));
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(RECONNECT) => {}
            }
        }
    }
}

/// The engine's own, with shorter waits where a day would hold too few of them.
fn settings() -> Settings {
    Settings {
        grace: Duration::from_millis(500),
        handler_timeout: Duration::from_secs(60),
        claim_ttl: Duration::from_secs(120),
        // What it leaves out would have to be forgiven.
        gap_time: Duration::from_secs(24 * 3_600),
        ..Settings::default()
    }
}
