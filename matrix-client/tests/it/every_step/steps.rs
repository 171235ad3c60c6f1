//! Everything that a bot does outside itself, numbered: calls of its store and requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_client::{Limits, Transport, TransportError};
use matrix_bridge_core::StoreErrorKind;
use matrix_bridge_testkit::crash::{Fate, StoreScript};
use tokio::sync::Notify;

/// What goes wrong at a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// The process dies, and the step is not done.
    DeathBefore,
    /// The step is done, and the process dies before it hears of it.
    DeathAfter,
    /// The step is done, the answer is lost, and the process lives on.
    LostAnswer,
    /// The step is not done and fails, and so do the next ones, as many in all: a busy
    /// database, a full disk, a homeserver that restarts.
    Failing(u64),
}

/// Counts the steps of one life of a bot, and makes trouble at one of them. Cloning
/// shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    died: Notify,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<(u64, Trouble)>,
    count: u64,
    has_struck: bool,
    is_dead: bool,
}

/// What becomes of one step.
#[derive(Clone, Copy, Debug)]
enum Step {
    Done,
    Trouble(Trouble),
    /// The process is dead and does nothing.
    Never,
}

impl Steps {
    /// From now on, steps are counted from 0, and there is `trouble` at step `at`.
    pub(crate) fn arm(&self, at: u64, trouble: Trouble) {
        let mut state = self.state();
        (state.plan, state.count) = (Some((at, trouble)), 0);
    }

    /// From now on there is no trouble.
    pub(crate) fn disarm(&self) {
        self.state().plan = None;
    }

    /// Whether nothing is still to come.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.state();
        state.has_struck || state.plan.is_none()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Waits for the death of the process.
    pub(crate) async fn died(&self) {
        self.0.died.notified().await;
    }

    fn step(&self) -> Step {
        let mut state = self.state();
        if state.is_dead {
            return Step::Never;
        }
        let number = state.count;
        state.count += 1;
        let Some((at, trouble)) = state.plan else {
            return Step::Done;
        };
        let length = match trouble {
            Trouble::Failing(length) => length,
            _ => 1,
        };
        if !(at..at + length).contains(&number) {
            return Step::Done;
        }
        state.has_struck = true;
        state.is_dead = matches!(trouble, Trouble::DeathBefore | Trouble::DeathAfter);
        Step::Trouble(trouble)
    }

    async fn die<T>(&self) -> T {
        self.0.died.notify_one();
        std::future::pending().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StoreScript for Steps {
    async fn next(&self, _doing: &str) -> Fate {
        match self.step() {
            Step::Done => Fate::Done,
            Step::Never => std::future::pending().await,
            Step::Trouble(Trouble::DeathBefore) => self.die().await,
            Step::Trouble(Trouble::DeathAfter) => {
                self.0.died.notify_one();
                Fate::Unheard
            }
            Step::Trouble(Trouble::LostAnswer) => Fate::Unanswered,
            Step::Trouble(Trouble::Failing(_)) => Fate::NotDone(StoreErrorKind::Unavailable),
        }
    }
}

/// A transport whose requests are steps.
#[derive(Debug)]
pub(crate) struct SteppedTransport<T> {
    pub(crate) inner: T,
    pub(crate) steps: Steps,
}

#[async_trait]
impl<T: Transport> Transport for SteppedTransport<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        match self.steps.step() {
            Step::Done => self.inner.send(request, limits).await,
            Step::Never => std::future::pending().await,
            Step::Trouble(Trouble::DeathBefore) => self.steps.die().await,
            Step::Trouble(Trouble::DeathAfter) => {
                let _ = self.inner.send(request, limits).await;
                self.steps.die().await
            }
            Step::Trouble(Trouble::LostAnswer) => {
                let _ = self.inner.send(request, limits).await;
                Err(TransportError::Cut("the answer is lost".into()))
            }
            Step::Trouble(Trouble::Failing(_)) => {
                Err(TransportError::Connect("connection refused".into()))
            }
        }
    }
}
