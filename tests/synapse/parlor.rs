//! An engine in this process, for what cannot be done to a bot from outside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use matrix_bridge::ruma::{OwnedRoomId, RoomId};
use matrix_bridge::{
    Client, ClientHistory, ClientSender, Command, Context, Engine, HandlerError, History, Parts,
    Policy, Reply, RoomMode, Rooms, Router, Settings, Source, SqliteStore, StateStore as _,
    SyncSettings, SyncSource, SystemClock, SystemRandom,
};
use tokio_util::sync::CancellationToken;

/// More than is ever said.
const MANY: u32 = 100;

/// A bot's room and store, from one life to the next.
pub(crate) struct Parlor {
    room: OwnedRoomId,
    store: PathBuf,
    calls: Arc<AtomicUsize>,
}

/// A source that gives all that was ever said.
pub(crate) fn source(client: &Client) -> SyncSource {
    let settings = SyncSettings {
        first_timeline: MANY,
        ..SyncSettings::default()
    };
    SyncSource::new(client.clone(), settings)
}

impl Parlor {
    pub(crate) fn new(room: &str, store: PathBuf) -> Self {
        Self {
            room: RoomId::parse(room).unwrap(),
            store,
            calls: Arc::default(),
        }
    }

    /// Runs an engine beside `scene`.
    pub(crate) async fn play(
        &self,
        client: &Client,
        source: impl Source,
        settings: Settings,
        scene: impl Future<Output = ()>,
    ) {
        let store = Arc::new(SqliteStore::open(&self.store).unwrap());
        let engine = Engine::new(Parts {
            identity: client.identity().clone(),
            store: store.clone(),
            sender: Arc::new(ClientSender::new(client.clone())),
            history: Arc::new(ClientHistory::new(client.clone())),
            handler: Arc::new(self.handler()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        });
        let engine = engine.with_policy(self.policy()).with_settings(settings);
        let stop = CancellationToken::new();
        let ended = tokio::spawn(engine.run(Box::new(source), stop.clone()));
        scene.await;
        stop.cancel();
        ended.await.unwrap().unwrap();
        store.close().await.unwrap();
    }

    /// How often the handler was called, in all lives.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn policy(&self) -> Policy {
        Policy {
            rooms: Rooms::Listed(BTreeMap::from([(self.room.clone(), RoomMode::Active)])),
            history: History::Last(MANY),
            ..Policy::default()
        }
    }

    /// Answers, and counts how often it is called.
    fn handler(&self) -> Router {
        let calls = self.calls.clone();
        Router::new().command("!echo", move |command: Command, _: Context| {
            calls.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<Reply, HandlerError>(command.reply(command.arguments())) }
        })
    }
}
