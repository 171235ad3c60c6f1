//! The handle that tests hold: the server, its clock, and waiting for it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified, watch},
    time::Instant,
};

use super::{
    config::HomeserverConfig, fault::Fault, memory_transport::MemoryTransport, outcome::Outcome,
    queries::TimelineEvent, request_log::RequestRecord, room::Membership, state::Homeserver,
};

/// A homeserver for tests; a clone is another handle on the same one.
///
/// Its time is tokio's, counted from [`TestHomeserver::new`]: with a paused clock it is
/// virtual, and nothing in a test has to be waited for.
///
/// Methods that act in somebody's name panic where the server would refuse, because
/// then the test is wrong.
#[derive(Clone)]
pub struct TestHomeserver {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    start: Instant,
    /// Wakes in the order of waiting; a `watch` would wake in an order of chance.
    news: Notify,
    changes: watch::Sender<u64>,
}

struct Inner {
    server: Homeserver,
    /// By how much the server's clock runs ahead of tokio's.
    ahead: Duration,
    /// The news that waiters were told of.
    told: u64,
}

/// A user and a way in.
#[derive(Clone, Eq, PartialEq)]
pub struct Account {
    /// The full user id.
    pub user_id: String,
    /// The device of the token, unless it has none.
    pub device_id: Option<String>,
    /// The token.
    pub access_token: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user_id,
            device_id,
            access_token: _,
        } = self;
        f.debug_struct("Account")
            .field("user_id", user_id)
            .field("device_id", device_id)
            .finish_non_exhaustive()
    }
}

/// What was waited for has not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the homeserver did not come to the awaited state within {0:?}")]
pub struct NotReached(pub Duration);

impl Default for TestHomeserver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestHomeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHomeserver").finish_non_exhaustive()
    }
}

/// Starting it and reaching it.
impl TestHomeserver {
    /// A server named `testkit.local`, without users, rooms, limits or faults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(HomeserverConfig::default())
    }

    /// A server with other settings.
    #[must_use]
    pub fn with_config(config: HomeserverConfig) -> Self {
        let inner = Inner {
            server: Homeserver::new(config),
            ahead: Duration::ZERO,
            told: 0,
        };
        let shared = Shared {
            inner: Mutex::new(inner),
            start: Instant::now(),
            news: Notify::new(),
            changes: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The name in users, rooms and aliases.
    #[must_use]
    pub fn server_name(&self) -> String {
        self.look(|server| server.config.server_name.clone())
    }

    /// A transport into this server, without a socket.
    #[must_use]
    pub fn transport(&self) -> MemoryTransport {
        MemoryTransport::new(self.clone())
    }

    /// Time since the server's start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now_of(&self.lock())
    }

    /// Moves the server's clock ahead, and only the server's.
    ///
    /// Transaction ids are forgotten, buckets refill and typing ends as if that time had
    /// passed; long polls whose time is over are answered.
    pub fn advance(&self, time: Duration) {
        self.lock().ahead += time;
        self.with(Homeserver::note_news);
    }

    /// Reads the server's state in one piece.
    pub fn look<R>(&self, read: impl FnOnce(&Homeserver) -> R) -> R {
        read(&self.lock().server)
    }

    /// Waits until `is_reached`, looking again after every change.
    ///
    /// # Errors
    ///
    /// [`NotReached`] if it does not come within `timeout`.
    pub async fn wait_for(
        &self,
        mut is_reached: impl FnMut(&Homeserver) -> bool + Send,
        timeout: Duration,
    ) -> Result<(), NotReached> {
        let mut changes = self.shared.changes.subscribe();
        let reached = async {
            while !self.look(&mut is_reached) {
                // The sender lives in `self`, so this cannot fail.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(timeout, reached)
            .await
            .map_err(|_| NotReached(timeout))
    }
}

/// Faults and outages.
impl TestHomeserver {
    /// Adds a fault to the script.
    pub fn fault(&self, fault: Fault) {
        self.with(|server| server.script.add(fault));
    }

    /// Forgets all faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.with(|server| server.script.clear());
    }

    /// How many faults have not happened yet; those for ever stay among them.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.look(Homeserver::faults_left)
    }

    /// Ends and starts the server's process.
    ///
    /// Open requests are cut. What is only in memory is lost: typing, and transaction
    /// ids of tokens without a device.
    pub fn restart(&self) {
        self.with(Homeserver::restart);
    }

    /// Forgets every transaction id, as if they had run out this moment.
    pub fn forget_transactions(&self) {
        self.with(|server| server.transactions.forget_all());
    }

    /// Refuses connections, and cuts the open ones, until [`TestHomeserver::come_up`].
    pub fn go_down(&self) {
        self.with(|server| server.set_down(true));
    }

    /// Ends what [`TestHomeserver::go_down`] began.
    pub fn come_up(&self) {
        self.with(|server| server.set_down(false));
    }
}

/// What has become of it; each is the method of [`Homeserver`] of that name.
impl TestHomeserver {
    /// All events of a room, in its order, state included.
    #[must_use]
    pub fn timeline(&self, room: &str) -> Vec<TimelineEvent> {
        self.look(|server| server.timeline(room))
    }

    /// The events of a room that a user sent, in its order.
    #[must_use]
    pub fn timeline_of(&self, room: &str, sender: &str) -> Vec<TimelineEvent> {
        self.look(|server| server.timeline_of(room, sender))
    }

    /// The events of type `m.room.message` of a room, in its order.
    #[must_use]
    pub fn messages_in(&self, room: &str) -> Vec<TimelineEvent> {
        self.look(|server| server.messages_in(room))
    }

    /// The bodies of the messages of a room, in its order.
    #[must_use]
    pub fn bodies_in(&self, room: &str) -> Vec<String> {
        self.messages_in(room)
            .iter()
            .map(|event| event.body().to_owned())
            .collect()
    }

    /// The id of the last event of a room.
    #[must_use]
    pub fn last_event_id(&self, room: &str) -> Option<String> {
        self.look(|server| server.last_event_id(room))
    }

    /// A user's standing in a room.
    #[must_use]
    pub fn membership(&self, room: &str, user: &str) -> Option<Membership> {
        self.look(|server| server.membership(room, user))
    }

    /// How many events were made under that transaction id.
    #[must_use]
    pub fn events_under(&self, transaction_id: &str) -> usize {
        self.look(|server| server.events_under(transaction_id))
    }

    /// The last requests in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.look(Homeserver::requests)
    }

    /// The requests that meant to change something.
    #[must_use]
    pub fn writes(&self) -> Vec<RequestRecord> {
        self.look(Homeserver::writes)
    }

    /// Empties the log of requests; their numbers go on.
    pub fn clear_requests(&self) {
        self.with(|server| server.log.clear());
    }
}

impl TestHomeserver {
    /// Changes the server from outside of its API, and tells everybody who waits.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Homeserver) -> R) -> R {
        let mut inner = self.lock();
        let now = self.now_of(&inner);
        inner.server.tick(now);
        let result = change(&mut inner.server);
        inner.server.changes += 1;
        self.publish(&mut inner);
        result
    }

    /// Does a step of a request.
    pub(crate) fn apply(&self, step: impl FnOnce(&mut Homeserver, Duration) -> Outcome) -> Outcome {
        let mut inner = self.lock();
        let now = self.now_of(&inner);
        let outcome = step(&mut inner.server, now);
        self.publish(&mut inner);
        outcome
    }

    /// Comes with the next news from when it is first polled or enabled.
    pub(crate) fn news(&self) -> Notified<'_> {
        self.shared.news.notified()
    }

    /// Only true changes wake anybody: waiters that look and wait on must not wake
    /// each other for ever.
    fn publish(&self, inner: &mut Inner) {
        let news = inner.server.news();
        if std::mem::replace(&mut inner.told, news) != news {
            self.shared.news.notify_waiters();
        }
        let changes = inner.server.changes();
        self.shared
            .changes
            .send_if_modified(|old| std::mem::replace(old, changes) != changes);
    }

    fn now_of(&self, inner: &Inner) -> Duration {
        Instant::now().saturating_duration_since(self.shared.start) + inner.ahead
    }

    /// A test that panicked while it held the lock changes nothing for the others.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
