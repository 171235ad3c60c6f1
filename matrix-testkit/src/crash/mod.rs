//! Stores whose calls fail or die as a script says, such as at a chosen call.

mod scripted;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use matrix_bridge_core::{Store, StoreErrorKind};

pub use self::scripted::{Fate, ScriptedStore, StoreScript};

/// On which side of its effect a call dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Nothing was done: it fails with [`StoreErrorKind::Unavailable`], as on a full
    /// disk, after an I/O error or when the file is busy, unless
    /// [another kind](CrashingStore::failing_with) is asked for.
    Before,
    /// It was done, and the answer is lost: it fails with [`StoreErrorKind::Unknown`].
    After,
}

/// Passes calls on until the one that is to crash; from then on it is closed.
///
/// A crash test has no list of places to crash at. It finds them: it runs with `at` = 0,
/// 1, 2, … until a run ends without having [crashed](Self::crashed), and goes on each
/// time with the store inside, as after a restart.
///
/// ```
/// use std::sync::Arc;
///
/// use matrix_bridge_core::{Account, Batch, MemoryStore, SourceId, StateStore, Timestamp};
/// use matrix_bridge_testkit::crash::{CrashingStore, Side};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let memory = Arc::new(MemoryStore::new());
/// let store = CrashingStore::new(memory.clone(), 1, Side::After);
/// let batch = Batch::new(Account::new("@bot:example.org"), Timestamp(1));
///
/// assert!(store.checkpoint(&SourceId::new("sync")).await.is_ok());
/// assert!(store.commit(batch.clone()).await.is_err());
/// assert!(store.crashed());
/// assert!(store.commit(batch).await.is_err());
/// assert_eq!(store.calls(), 2);
/// # }
/// ```
pub type CrashingStore = ScriptedStore<CrashAt>;

/// Numbers what happens in a scenario, from 0 on; clones go on counting together.
///
/// Give the same one to all that is to be numbered, such as a store by
/// [`counted_by`](CrashingStore::counted_by) and a transport of yours: then one number
/// names one place in the scenario, whatever happens there.
#[derive(Clone, Debug, Default)]
pub struct Steps(Arc<AtomicU64>);

impl Steps {
    /// The number of the next thing that happens.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    /// How many things happened so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The script of a [`CrashingStore`].
#[derive(Debug)]
pub struct CrashAt {
    at: Range<u64>,
    side: Side,
    kind: StoreErrorKind,
    lives_on: bool,
    steps: Steps,
    crashed: AtomicBool,
}

impl CrashingStore {
    /// `inner`, dying at its call number `at`; the first call is number 0.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, at: u64, side: Side) -> Self {
        Self::with_script(inner, CrashAt::new(at..at.saturating_add(1), side, false))
    }

    /// `inner`, failing at its call number `at` and at no other: a full disk that was
    /// emptied, a database that was restarted.
    #[must_use]
    pub fn hiccup(inner: Arc<dyn Store>, at: u64, side: Side) -> Self {
        Self::outage(inner, at..at.saturating_add(1), side)
    }

    /// `inner`, failing at its calls of these numbers and at no others.
    #[must_use]
    pub fn outage(inner: Arc<dyn Store>, at: Range<u64>, side: Side) -> Self {
        Self::with_script(inner, CrashAt::new(at, side, true))
    }

    /// The same, failing with `kind` where nothing was done.
    #[must_use]
    pub const fn failing_with(mut self, kind: StoreErrorKind) -> Self {
        self.script.kind = kind;
        self
    }

    /// The same, its calls numbered by `steps` together with what else counts there.
    #[must_use]
    pub fn counted_by(mut self, steps: &Steps) -> Self {
        self.script.steps = steps.clone();
        self
    }

    /// How many calls there were, with those that failed and without those after a crash.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.script.steps.count()
    }

    /// Whether a call that was to fail was made.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.script.crashed.load(Ordering::SeqCst)
    }
}

impl CrashAt {
    fn new(at: Range<u64>, side: Side, lives_on: bool) -> Self {
        Self {
            at,
            side,
            kind: StoreErrorKind::Unavailable,
            lives_on,
            steps: Steps::default(),
            crashed: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl StoreScript for CrashAt {
    async fn next(&self, _: &str) -> Fate {
        if self.crashed.load(Ordering::SeqCst) && !self.lives_on {
            return Fate::NotDone(StoreErrorKind::Closed);
        }
        if !self.at.contains(&self.steps.next()) {
            return Fate::Done;
        }
        self.crashed.store(true, Ordering::SeqCst);
        match self.side {
            Side::Before => Fate::NotDone(self.kind),
            Side::After => Fate::Unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use matrix_bridge_core::{MemoryStore, SourceId, StateStore as _};

    use super::*;

    fn source() -> SourceId {
        SourceId::new("sync")
    }

    async fn kind(store: &CrashingStore) -> Option<StoreErrorKind> {
        let read = store.checkpoint(&source()).await;
        read.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn an_outage_lasts_as_long_as_it_is_to() {
        let inner = Arc::new(MemoryStore::new());
        let store = CrashingStore::outage(inner, 1..3, Side::Before);
        let store = store.failing_with(StoreErrorKind::InUse);

        assert_eq!(kind(&store).await, None);
        assert!(!store.crashed());
        assert_eq!(kind(&store).await, Some(StoreErrorKind::InUse));
        assert_eq!(kind(&store).await, Some(StoreErrorKind::InUse));
        assert_eq!(kind(&store).await, None);
        assert!(store.crashed());
        assert_eq!(store.calls(), 4);
    }

    #[tokio::test]
    async fn what_else_happens_is_numbered_together_with_the_calls() {
        let steps = Steps::default();
        let inner = Arc::new(MemoryStore::new());
        let store = CrashingStore::new(inner, 2, Side::After).counted_by(&steps);

        assert_eq!(kind(&store).await, None);
        assert_eq!(steps.next(), 1);
        assert_eq!(kind(&store).await, Some(StoreErrorKind::Unknown));
        assert_eq!(kind(&store).await, Some(StoreErrorKind::Closed));
        assert_eq!(steps.count(), 3, "nothing happens after the crash");
    }
}
