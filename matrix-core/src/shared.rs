//! What the pipeline and the dispatcher of one engine share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::{
    Account, Clock, EventHandler, HealthBoard, Identity, Policy, Random, RoomHistory, Sender,
    Settings, Store, Timestamp, encrypted::EncryptedRooms, rest::Rest, time::Moment,
};

pub(crate) struct Shared {
    pub(crate) account: Account,
    pub(crate) identity: Identity,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) history: Arc<dyn RoomHistory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) policy: watch::Receiver<Arc<Policy>>,
    pub(crate) settings: Settings,
    pub(crate) health: HealthBoard,
    /// Names this engine among those that ask for the account's lease.
    pub(crate) holder: String,
    /// Rows were enqueued, or became due.
    pub(crate) enqueued: Notify,
    /// Rooms that must get no plaintext, though the store may not say so yet.
    pub(crate) encrypted: EncryptedRooms,
    /// Until when the homeserver wants nobody to ask for the history of rooms.
    pub(crate) history_rest: Rest,
    /// Counts how often the account was found, or said, to work again.
    pub(crate) resumed: watch::Sender<u64>,
    /// How often the source was lost; what was learned before may be out of date.
    outages: AtomicU64,
    /// Whether the source answers, as far as is known.
    is_source_up: AtomicBool,
    /// Whether another engine follows the account's rooms, and this one only sends.
    stands_by: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        parts: crate::Parts,
        policy: watch::Receiver<Arc<Policy>>,
        settings: Settings,
        health: HealthBoard,
        resumed: watch::Sender<u64>,
    ) -> Self {
        let crate::Parts {
            identity,
            store,
            sender,
            history,
            handler,
            clock,
            random,
        } = parts;
        let holder = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
        Self {
            holder,
            account: Account::from(&*identity.user),
            identity,
            store,
            handler,
            sender,
            history,
            clock,
            random,
            policy,
            settings,
            health,
            enqueued: Notify::new(),
            encrypted: EncryptedRooms::default(),
            history_rest: Rest::default(),
            resumed,
            outages: AtomicU64::new(0),
            is_source_up: AtomicBool::new(false),
            stands_by: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time for whatever does not outlast the process.
    pub(crate) fn steady(&self) -> Moment {
        Moment::default() + self.clock.steady()
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }

    /// The wait after the `attempt`th failure in a row to reach something.
    pub(crate) fn reconnect_delay(&self, attempt: u32) -> Duration {
        self.settings
            .reconnect
            .delay(attempt, self.random.next_u64())
    }

    /// The account works again: waits on its account end.
    pub(crate) fn resume(&self) {
        self.resumed.send_modify(|count| *count += 1);
    }

    pub(crate) fn outages(&self) -> u64 {
        self.outages.load(Ordering::Acquire)
    }

    pub(crate) fn note_outage(&self) {
        self.outages.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn is_source_up(&self) -> bool {
        self.is_source_up.load(Ordering::Acquire)
    }

    pub(crate) fn stands_by(&self) -> bool {
        self.stands_by.load(Ordering::Acquire)
    }

    /// Another engine follows the account's rooms.
    pub(crate) fn stand_by(&self) {
        self.stands_by.store(true, Ordering::Release);
    }

    /// This engine follows the account's rooms from now on. What it has learned about
    /// them meanwhile may be out of date.
    pub(crate) fn take_over(&self) {
        if self.stands_by.swap(false, Ordering::AcqRel) {
            self.note_outage();
        }
    }

    pub(crate) fn set_source_up(&self, is_up: bool) {
        self.is_source_up.store(is_up, Ordering::Release);
    }
}
