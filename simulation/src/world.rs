//! Where a day takes place: homeserver, people, rooms, store, clock.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use matrix_bridge_core::{MemoryStore, Policy, RoomMode, Rooms, Store, ruma::RoomId};
use matrix_bridge_store_sqlite::{SqliteConfig, Synchronous};
use matrix_bridge_testkit::homeserver::{Account, HomeserverConfig, TestHomeserver};
use tempfile::TempDir;

use crate::{
    clock::WallClock,
    disk::Disk,
    room::{Mode, Room},
    scale::Scale,
    token::Token,
    watch::Watch,
};

/// Where a day takes place.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) server: TestHomeserver,
    pub(crate) people: Vec<Account>,
    pub(crate) bot: Account,
    pub(crate) token: Arc<Token>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) clock: WallClock,
    pub(crate) disk: Arc<Disk>,
    pub(crate) watch: Arc<Watch>,
    store: Kept,
}

/// What outlives the processes.
enum Kept {
    Memory(Arc<MemoryStore>),
    Sqlite(Mutex<Arc<dyn Store>>, TempDir),
}

/// Whatever is so for the whole day cannot be tested without it.
type Begun<T> = Result<T, String>;

impl World {
    pub(crate) fn new(
        seed: u64,
        scale: &Scale,
        mode: impl FnMut() -> Mode,
        watch: Arc<Watch>,
    ) -> Begun<Self> {
        // The wire has a log of its own.
        let config = HomeserverConfig::default().log_capacity(64);
        let server = TestHomeserver::with_config(config);
        let people = ["alice", "bob", "carol"].map(|name| server.register(name));
        let bot = server.register("bot");
        let token = Arc::new(Token::new(bot.access_token.clone()));
        let mut world = Self {
            seed,
            server,
            people: people.into(),
            bot,
            token,
            rooms: Vec::new(),
            clock: WallClock::new(),
            disk: Arc::new(Disk::new(seed ^ 0xd15c)),
            watch,
            store: Kept::new(scale.is_sqlite)?,
        };
        let mut mode = mode;
        for _ in 0..scale.rooms {
            let room = world.found(mode());
            world.rooms.push(room);
        }
        Ok(world)
    }

    /// A room with everybody in it.
    fn found(&self, mode: Mode) -> Room {
        let founder = &self.people[0].user_id;
        let id = self.server.create_room(founder);
        for person in &self.people[1..] {
            self.server.join(&id, &person.user_id);
        }
        self.server.invite(&id, founder, &self.bot.user_id);
        self.server.join(&id, &self.bot.user_id);
        if mode != Mode::Active {
            self.watch.silence(&id);
        }
        Room::new(id, mode)
    }

    pub(crate) fn policy(&self) -> Policy {
        let listed = self.rooms.iter().filter_map(|room| {
            let mode = match room.mode {
                Mode::Active => RoomMode::Active,
                Mode::Shadow => RoomMode::Shadow,
                Mode::Off => return None,
            };
            Some((RoomId::parse(&room.id).ok()?, mode))
        });
        Policy {
            rooms: Rooms::Listed(listed.collect::<BTreeMap<_, _>>()),
            ..Policy::default()
        }
    }

    /// The store as it is now, for a new process or for looking into it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match &self.store {
            Kept::Memory(store) => store.clone(),
            Kept::Sqlite(store, _) => lock(store).clone(),
        }
    }

    /// What the end of the last process means for the store: its file is opened anew.
    pub(crate) async fn reopen_store(&self) -> Begun<()> {
        let Kept::Sqlite(store, folder) = &self.store else {
            return Ok(());
        };
        let before = lock(store).clone();
        before.close().await.map_err(|error| error.to_string())?;
        *lock(store) = open(folder.path())?;
        Ok(())
    }
}

impl Kept {
    fn new(is_sqlite: bool) -> Begun<Self> {
        if !is_sqlite {
            return Ok(Self::Memory(Arc::new(MemoryStore::new())));
        }
        let folder = folder().map_err(|error| format!("no folder for the store: {error}"))?;
        let store = open(folder.path())?;
        Ok(Self::Sqlite(Mutex::new(store), folder))
    }
}

/// In memory, where there is such a place: a day is not about the machine's disk.
fn folder() -> std::io::Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        return tempfile::tempdir_in(memory);
    }
    tempfile::tempdir()
}

fn open(folder: &Path) -> Begun<Arc<dyn Store>> {
    let config = SqliteConfig::new(folder.join("bridge.db"));
    let store = config
        .synchronous(Synchronous::Normal)
        .inline()
        .open_engine();
    Ok(Arc::new(store.map_err(|error| error.to_string())?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
