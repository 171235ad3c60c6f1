//! R4: an event that comes again is not handled again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use matrix_bridge::ruma::RoomId;
use matrix_bridge::{
    Client, ClientHistory, ClientSender, Command, Context, Engine, HandlerError, History, Parts,
    Policy, Position, Reply, RoomMode, Rooms, Router, Source, SourceBatch, SourceError, SourceId,
    SqliteStore, StateStore as _, SyncSettings, SyncSource, SystemClock, SystemRandom,
};
use matrix_bridge_testkit::synapse::Account;
use tokio_util::sync::CancellationToken;

use crate::load::{all_are_answered_once_in_order, ask};
use crate::world::{World, joined, room};

/// More than is ever said.
const MANY: u32 = 100;

/// A source that begins anew, wherever it was.
#[derive(Debug)]
struct Anew {
    inner: SyncSource,
    id: SourceId,
    is_first: bool,
}

#[async_trait]
impl Source for Anew {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError> {
        let position = position.filter(|_| !std::mem::take(&mut self.is_first));
        self.inner.next(position).await
    }
}

/// One bot's parts, but for the source.
struct Parlor<'a> {
    world: &'a World,
    bot: &'a Account,
    room: &'a str,
    store: &'a Path,
    calls: Arc<AtomicUsize>,
}

impl Parlor<'_> {
    /// Runs an engine beside `scene`, over the same store each time.
    async fn play(&self, source_id: Option<&str>, scene: impl Future<Output = ()>) {
        let token = self.bot.access_token.as_str();
        let client = Client::connect(self.world.base_url(), token).await.unwrap();
        let store = Arc::new(SqliteStore::open(self.store).unwrap());
        let settings = SyncSettings {
            first_timeline: MANY,
            ..SyncSettings::default()
        };
        let inner = SyncSource::new(client.clone(), settings);
        let id = source_id.map_or_else(|| inner.id().clone(), SourceId::new);
        let source = Anew {
            inner,
            id,
            is_first: true,
        };
        let engine = Engine::new(Parts {
            identity: client.identity().clone(),
            store: store.clone(),
            sender: Arc::new(ClientSender::new(client.clone())),
            history: Arc::new(ClientHistory::new(client)),
            handler: Arc::new(self.handler()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        });
        let stop = CancellationToken::new();
        let engine = engine.with_policy(self.policy());
        let ended = tokio::spawn(engine.run(Box::new(source), stop.clone()));
        scene.await;
        stop.cancel();
        ended.await.unwrap().unwrap();
        store.close().await.unwrap();
    }

    fn policy(&self) -> Policy {
        let room = RoomId::parse(self.room).unwrap();
        Policy {
            rooms: Rooms::Listed(BTreeMap::from([(room, RoomMode::Active)])),
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

#[tokio::test]
async fn what_a_second_source_and_a_reset_token_deliver_again_is_handled_once() {
    let world = World::shared("again");
    let (ann, bot) = (world.person("ann").await, world.account("bot").await);
    let room = room(&ann, &[&bot.user_id]).await;
    let store = world.path("again.db");
    let calls = Arc::new(AtomicUsize::new(0));
    let parlor = Parlor {
        world: &world,
        bot: &bot,
        room: &room,
        store: &store,
        calls,
    };

    parlor
        .play(None, async {
            joined(&ann, &room, &bot.user_id).await;
            for text in ["one", "two", "three"] {
                ask(&ann, &room, &bot.user_id, text).await;
            }
        })
        .await;
    for (source, text) in [(Some("another source"), "four"), (None, "five")] {
        let scene = async {
            ask(&ann, &room, &bot.user_id, text).await;
        };
        parlor.play(source, scene).await;
    }

    let answered = all_are_answered_once_in_order(&ann, &room, ann.user_id(), &bot.user_id).await;
    assert_eq!((answered, parlor.calls.load(Ordering::Relaxed)), (5, 5));
}
