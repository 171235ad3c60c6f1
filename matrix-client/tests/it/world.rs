//! A homeserver, people, rooms and a bot, all in virtual time.

use std::{sync::Arc, time::Duration};

use matrix_bridge_client::{
    Client, ClientHistory, ClientSender, ConnectError, SecretString, SyncSettings, SyncSource,
    TokenSource, Transport,
};
use matrix_bridge_core::{
    Clock as _, Command, Context, Effects, Engine, EngineError, EngineHandle, EventHandler,
    HandlerError, Health, ListState, MemoryStore, Message, Missed, OutboundQueue, ParkReason,
    Parts, Policy, Random, Reply, Router, Row, RowState, Settings, Store, Timestamp,
};
use matrix_bridge_testkit::{
    homeserver::{Account, Endpoint, RequestRecord, TestHomeserver, TimelineEvent},
    virtual_time::{SeededRandom, VirtualClock},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long for virtual time, so that only what never comes is missed.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct World {
    pub(crate) server: TestHomeserver,
    pub(crate) alice: Account,
    pub(crate) bot: Account,
    pub(crate) store: Arc<MemoryStore>,
    clock: VirtualClock,
    random: Arc<SeededRandom>,
}

/// What of a bot differs from the default.
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) sync: SyncSettings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            settings: Settings::default(),
            handler: Arc::new(commands()),
            store: None,
            sync: SyncSettings::default(),
        }
    }
}

/// A bot that runs.
pub(crate) struct Running {
    pub(crate) handle: EngineHandle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_seed(1)
    }

    pub(crate) fn with_seed(seed: u64) -> Self {
        let server = TestHomeserver::new();
        let [alice, bot] = ["alice", "bot"].map(|name| server.register(name));
        let random = Arc::new(SeededRandom::new(seed));
        let (store, clock) = (Arc::new(MemoryStore::new()), VirtualClock::new());
        Self {
            server,
            alice,
            bot,
            store,
            clock,
            random,
        }
    }

    /// A room of Alice's with the bot in it.
    pub(crate) fn room(&self) -> String {
        let room = self.server.create_room(&self.alice.user_id);
        self.server
            .invite(&room, &self.alice.user_id, &self.bot.user_id);
        self.server.join(&room, &self.bot.user_id);
        room
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn alice_says(&self, room: &str, body: &str) -> String {
        self.server.send_text(room, &self.alice.user_id, body)
    }

    pub(crate) async fn client(&self) -> Client {
        let token = SecretString::from(self.bot.access_token.clone());
        self.client_from(token).await.unwrap()
    }

    /// A client that has its tokens from `source`.
    pub(crate) async fn client_from(
        &self,
        source: impl TokenSource,
    ) -> Result<Client, ConnectError> {
        let transport = Arc::new(self.server.transport());
        self.connect_over(transport, source).await
    }

    /// The bot's client, over a transport of the test's.
    pub(crate) async fn connect_over(
        &self,
        transport: Arc<dyn Transport>,
        source: impl TokenSource,
    ) -> Result<Client, ConnectError> {
        let clock = Arc::new(self.clock);
        Client::connect_with(transport, clock, "http://testkit.local", source).await
    }

    /// Starts a bot and waits until it follows its rooms.
    pub(crate) async fn start(&self, setup: Setup) -> Running {
        let running = self.begin(setup).await;
        self.synced().await;
        running
    }

    /// Starts a bot.
    pub(crate) async fn begin(&self, setup: Setup) -> Running {
        let client = self.client().await;
        self.server.clear_requests();
        self.begin_as(client, setup)
    }

    /// Starts a bot whose client is connected already.
    pub(crate) fn begin_as(&self, client: Client, setup: Setup) -> Running {
        let Setup {
            policy,
            settings,
            handler,
            store,
            sync,
        } = setup;
        let parts = Parts {
            identity: client.identity().clone(),
            store: store.unwrap_or_else(|| self.store.clone()),
            sender: Arc::new(ClientSender::new(client.clone())),
            history: Arc::new(ClientHistory::new(client.clone())),
            handler,
            clock: Arc::new(self.clock),
            random: self.random.clone() as Arc<dyn Random>,
        };
        let engine = Engine::new(parts)
            .with_policy(policy)
            .with_settings(settings);
        let (handle, stop) = (engine.handle(), CancellationToken::new());
        let source = Box::new(SyncSource::new(client.clone(), sync));
        let (told, stopped) = (handle.clone(), stop.clone());
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                result = engine.run(source, stopped) => result,
                () = client.keep_token(&told) => unreachable!("it never ends"),
            }
        });
        Running { handle, stop, task }
    }

    /// Waits until the bot has asked for what comes after its first sync.
    pub(crate) async fn synced(&self) {
        let follows = |query: &str| query.contains("since=") && !query.contains("timeout=0");
        self.server
            .wait_for(
                |server| server.requests().iter().any(|r| follows(&r.query)),
                PATIENCE,
            )
            .await
            .unwrap();
    }

    /// What the bot said in `room`, in order.
    pub(crate) fn said(&self, room: &str) -> Vec<String> {
        self.answers(room)
            .iter()
            .map(|message| message.body().to_owned())
            .collect()
    }

    pub(crate) fn answers(&self, room: &str) -> Vec<TimelineEvent> {
        let mut messages = self.server.messages_in(room);
        messages.retain(|message| message.sender == self.bot.user_id);
        messages
    }

    /// The requests of that kind that the bot made, in order.
    pub(crate) fn asked(&self, endpoint: Endpoint) -> Vec<RequestRecord> {
        let mut requests = self.server.requests();
        let user = Some(&self.bot.user_id);
        requests.retain(|request| request.endpoint == endpoint && request.user.as_ref() == user);
        requests
    }

    /// Waits until the bot said `count` things in `room`, and returns them.
    pub(crate) async fn until_said(&self, room: &str, count: usize) -> Vec<String> {
        let has_said = |server: &matrix_bridge_testkit::homeserver::Homeserver| {
            let messages = server.messages_in(room);
            messages
                .iter()
                .filter(|m| m.sender == self.bot.user_id)
                .count()
                >= count
        };
        let reached = self.server.wait_for(has_said, PATIENCE).await;
        reached.unwrap_or_else(|_| panic!("said only {:?} in {room}", self.said(room)));
        self.said(room)
    }

    /// Why the one row that is parked is.
    pub(crate) async fn only_parked_row(&self) -> ParkReason {
        let parked = self.rows(ListState::Parked).await;
        match parked.as_slice() {
            [
                Row {
                    state: RowState::Parked { reason },
                    ..
                },
            ] => reason.clone(),
            _ => panic!("not one parked row: {parked:?}"),
        }
    }

    pub(crate) async fn rows(&self, state: ListState) -> Vec<Row> {
        self.store.list(state, None, 10_000).await.unwrap()
    }
}

impl Running {
    pub(crate) fn health(&self) -> Health {
        self.handle.health().health()
    }

    /// The codes of what is wrong.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.health()
            .reasons
            .into_iter()
            .map(|reason| reason.code)
            .collect()
    }

    /// Waits until something under `code` is wrong, or is not any more.
    pub(crate) async fn until_reason(&self, code: &str, is_there: bool) {
        for _ in 0..100_000 {
            if self.reasons().iter().any(|reason| reason.starts_with(code)) == is_there {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{code}: {is_there} never came: {:?}", self.health());
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// The end of an engine that ends by itself.
    pub(crate) async fn ended(self) -> Result<(), EngineError> {
        self.task.await.unwrap()
    }

    /// Kills the bot where it stands.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Lets `span` pass.
pub(crate) async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}

/// `!ping`, `!echo`, `!slow`, `!fail`, `!panic`, `!never`, `!retry`; and it says when
/// something was missed.
pub(crate) fn commands() -> Router {
    Router::new()
        .command("!ping", |command: Command, _: Context| async move {
            Ok::<_, HandlerError>(command.reply("pong"))
        })
        .command("!echo", |command: Command, _: Context| async move {
            Ok::<_, HandlerError>(command.reply(command.arguments()))
        })
        .command("!slow", slow)
        .command("!never", |_: Command, _: Context| {
            std::future::pending::<NoReply>()
        })
        .command("!fail", fail)
        .command("!panic", |_: Command, _: Context| async move {
            if true {
                panic!("the handler's own");
            }
            Ok::<_, HandlerError>(())
        })
        .command("!retry", retry)
        .missed(|missed: Missed, _: Context| async move {
            let notice = Message::notice(format!("missed: {}", missed.end.as_str()));
            Ok::<_, HandlerError>(Effects::none().send(&missed.room, notice))
        })
}

type NoReply = Result<(), HandlerError>;

async fn slow(command: Command, _: Context) -> Result<Reply, HandlerError> {
    let seconds = command.arguments().parse().unwrap_or(1);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(command.reply(format!("slept {seconds} s")))
}

async fn fail(command: Command, _: Context) -> Result<Effects, HandlerError> {
    Err(HandlerError::park("asked to").saying(command.reply("failed")))
}

/// Asks for another try until the one that is named.
async fn retry(command: Command, context: Context) -> Result<Reply, HandlerError> {
    if context.attempt().to_string() == command.arguments() {
        return Ok(command.reply(format!("tried {} times", context.attempt())));
    }
    Err(HandlerError::retry_after(
        Duration::from_secs(30),
        "not yet",
    ))
}
