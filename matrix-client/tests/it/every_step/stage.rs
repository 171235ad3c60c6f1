//! Where a scenario plays: a world, its rooms, and a bot that may die and come back.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use matrix_bridge_client::SecretString;
use matrix_bridge_core::{Account, ListState, Row, SourceId, Store};
use matrix_bridge_store_sqlite::{SqliteConfig, Synchronous};
use matrix_bridge_testkit::{
    crash::ScriptedStore,
    homeserver::{Fault, TimelineEvent},
};
use tempfile::TempDir;

use super::{
    scenario::Scenario,
    steps::{SteppedTransport, Steps, Trouble},
};
use crate::world::{Running, World, pass};

/// Long enough for every claim and lease to run out, and every row to be tried again.
const SETTLING: Duration = Duration::from_secs(6 * 60);

/// How long it is watched after that: what is done twice shows soon.
const WATCHING: Duration = Duration::from_secs(15);

/// Which store a bot has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
}

/// What scenarios play on. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Inner>);

struct Inner {
    world: World,
    rooms: Vec<String>,
    files: Option<TempDir>,
    /// How often the bot was started.
    lives: Mutex<u32>,
    store: Mutex<Option<Arc<dyn Store>>>,
}

impl Stage {
    /// The world of `scenario`, with a store of that kind.
    pub(crate) fn new(scenario: &Scenario, backend: Backend) -> Self {
        let world = World::with_seed(1);
        let rooms = (0..scenario.rooms).map(|_| world.room()).collect();
        let files = match backend {
            Backend::Memory => None,
            Backend::Sqlite => Some(tempfile::tempdir().unwrap()),
        };
        Self(Arc::new(Inner {
            world,
            rooms,
            files,
            lives: Mutex::default(),
            store: Mutex::default(),
        }))
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    /// The scenario's room of that number.
    pub(crate) fn room(&self, number: usize) -> &str {
        &self.0.rooms[number]
    }

    /// Alice says something in the room of that number.
    pub(crate) fn says(&self, room: usize, body: &str) -> String {
        self.world().alice_says(self.room(room), body)
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.world().server.fault(fault);
    }

    /// The bot's events of that type in the first room.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<TimelineEvent> {
        let mut timeline = self.world().server.timeline(self.room(0));
        let bot = &self.world().bot.user_id;
        timeline.retain(|event| event.kind == kind && event.sender == *bot);
        timeline
    }

    /// Waits until the bot has sent an event of that type into the first room.
    pub(crate) async fn until_of_kind(&self, kind: &str) -> TimelineEvent {
        self.until(|stage| !stage.of_kind(kind).is_empty()).await;
        self.of_kind(kind).swap_remove(0)
    }

    /// Waits until the bot's first commit.
    pub(crate) async fn until_synced(&self) {
        let source = SourceId::new(format!("sync/{}", self.world().bot.user_id));
        for _ in 0..10_000 {
            let checkpoint = self.store().checkpoint(&source).await;
            if checkpoint.is_ok_and(|checkpoint| checkpoint.position.is_some()) {
                return;
            }
            pass(Duration::from_millis(50)).await;
        }
        panic!("there never was a first commit");
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            if is_so(self) {
                return;
            }
            pass(Duration::from_millis(50)).await;
        }
        panic!("it never was so");
    }

    /// Waits until the bot said `count` things in the room of that number.
    pub(crate) async fn until_said(&self, room: usize, count: usize) {
        self.world().until_said(self.room(room), count).await;
    }

    /// Waits until `count` rows are parked.
    pub(crate) async fn until_parked(&self, count: usize) {
        for _ in 0..10_000 {
            if self.rows(ListState::Parked).await.len() == count {
                return;
            }
            pass(Duration::from_millis(50)).await;
        }
        panic!("{count} rows were never parked");
    }

    /// Plays `scenario` with each of `troubles` in one life of the bot, the next life
    /// beginning where the one before died. Returns whether all of them struck.
    pub(crate) async fn play(&self, scenario: &Scenario, troubles: &[(u64, Trouble)]) -> bool {
        (scenario.before)(self);
        if !scenario.is_first_sync {
            let bot = self.begin(scenario, &Steps::default(), None).await;
            self.world().synced().await;
            bot.stop().await;
            (scenario.between)(self);
        }
        let mut plan = troubles.iter().copied();
        let mut steps = Steps::default();
        let mut bot = self.begin(scenario, &steps, plan.next()).await;
        // It goes on while the bot is dead, and while it comes back.
        let mut play = tokio::spawn((scenario.play)(self.clone()));
        loop {
            tokio::select! {
                biased;
                () = steps.died() => {
                    bot.kill().await;
                    steps = Steps::default();
                    bot = self.begin(scenario, &steps, plan.next()).await;
                }
                ended = &mut play => {
                    ended.unwrap();
                    break;
                }
            }
        }
        let has_struck = plan.next().is_none() && steps.is_done();
        if steps.is_dead() {
            bot.kill().await;
            bot = self.begin(scenario, &Steps::default(), None).await;
        }
        steps.disarm();
        self.settle(scenario).await;
        pass(WATCHING).await;
        self.check(scenario, troubles).await;
        bot.stop().await;
        has_struck
    }

    /// Starts the bot, and arms its steps once it is connected.
    async fn begin(
        &self,
        scenario: &Scenario,
        steps: &Steps,
        trouble: Option<(u64, Trouble)>,
    ) -> Running {
        let transport = Arc::new(SteppedTransport {
            inner: self.world().server.transport(),
            steps: steps.clone(),
        });
        // As every host does: a homeserver that is away is tried again.
        let client = loop {
            let token = SecretString::from(self.world().bot.access_token.clone());
            match self.world().connect_over(transport.clone(), token).await {
                Ok(client) => break client,
                Err(_) => pass(Duration::from_secs(1)).await,
            }
        };
        let store = self.open();
        let mut setup = (scenario.setup)();
        setup.store = Some(Arc::new(ScriptedStore::with_script(store, steps.clone())));
        if let Some((at, trouble)) = trouble {
            steps.arm(at, trouble);
        }
        self.world().begin_as(client, setup)
    }

    /// The store as the life before left it.
    fn open(&self) -> Arc<dyn Store> {
        let mut lives = self.0.lives.lock().unwrap_or_else(PoisonError::into_inner);
        *lives += 1;
        let store: Arc<dyn Store> = match &self.0.files {
            None => Arc::new(self.world().store.reopen()),
            Some(folder) => {
                let path = |life: u32| folder.path().join(format!("life-{life}.db"));
                // What a dead process holds open stays open here: the next life gets a
                // copy of what is in the files, as it would find them.
                copy(&path(*lives - 1), &path(*lives));
                let config = SqliteConfig::new(path(*lives));
                let config = config.synchronous(Synchronous::Normal).inline();
                Arc::new(config.open_engine().unwrap())
            }
        };
        let mut current = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(store.clone());
        store
    }

    /// What the bot has in its store now.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        let store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.clone().unwrap()
    }

    pub(crate) async fn rows(&self, state: ListState) -> Vec<Row> {
        self.store().list(state, None, 1_000).await.unwrap()
    }

    /// Waits until nothing is left to do, or too long.
    async fn settle(&self, scenario: &Scenario) {
        let step = Duration::from_secs(2);
        for _ in 0..SETTLING.as_secs() / step.as_secs() {
            let has_said = |(number, said): (usize, &&[&str])| {
                self.world().said(self.room(number)).len() >= said.len()
            };
            let depth = self.store().depth().await.unwrap();
            let inbox = self.store().inbox_lanes(&self.account(), None, 1).await;
            let is_quiet = depth.waiting == 0 && inbox.unwrap().is_empty();
            if is_quiet && scenario.said.iter().enumerate().all(has_said) {
                return;
            }
            pass(step).await;
        }
    }

    fn account(&self) -> Account {
        Account::new(&*self.world().bot.user_id)
    }

    async fn check(&self, scenario: &Scenario, troubles: &[(u64, Trouble)]) {
        let context = format!("{}: {troubles:?}", scenario.name);
        for (number, said) in scenario.said.iter().enumerate() {
            assert_eq!(self.world().said(self.room(number)), *said, "{context}");
        }
        let waiting = self.rows(ListState::Waiting).await;
        assert!(waiting.is_empty(), "{context}: {waiting:?}");
        let parked = self.rows(ListState::Parked).await;
        assert!((scenario.parked_rows)(&parked), "{context}: {parked:?}");
        let account = self.account();
        let events = self.store().parked_events(&account, None, 100).await;
        let events = events.unwrap().len();
        assert_eq!(events, scenario.parked_events, "{context}");
        let inbox = self.store().inbox_lanes(&account, None, 10).await.unwrap();
        assert!(inbox.is_empty(), "{context}: {inbox:?}");
        (scenario.check)(self, &context);
    }
}

fn copy(from: &PathBuf, to: &PathBuf) {
    for suffix in ["", "-wal"] {
        let name = |path: &PathBuf| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        if name(from).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}
