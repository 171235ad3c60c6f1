//! The life and death of a process.
//!
//! A killed process leaves tasks behind in this one. They can do nothing: whatever they
//! ask of the store or the homeserver never comes back. Seen from outside, that is what
//! a kill leaves.

use std::sync::atomic::{AtomicU64, Ordering};

use matrix_bridge_testkit::crash::Side;
use tokio::sync::watch;

/// One process. Each call of its store and each of its requests is a step.
#[derive(Debug)]
pub(crate) struct Mortal {
    pub(crate) number: u32,
    steps: AtomicU64,
    dies: Option<(u64, Side)>,
    dead: watch::Sender<bool>,
}

/// How a step goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// As usual.
    Lives,
    /// It is taken, and its result is never seen.
    DiesAfter,
}

impl Mortal {
    /// A process that dies at its step of that number, or when it is killed.
    pub(crate) fn new(number: u32, dies: Option<(u64, Side)>) -> Self {
        Self {
            number,
            steps: AtomicU64::new(0),
            dies,
            dead: watch::Sender::new(false),
        }
    }

    /// Begins a step. It never comes back to a process that is dead.
    pub(crate) async fn step(&self) -> Step {
        let number = self.steps.fetch_add(1, Ordering::SeqCst);
        match self.dies {
            _ if self.is_dead() => std::future::pending().await,
            Some((at, Side::Before)) if at == number => {
                self.die();
                std::future::pending().await
            }
            Some((at, Side::After)) if at == number => Step::DiesAfter,
            _ => Step::Lives,
        }
    }

    pub(crate) fn die(&self) {
        self.dead.send_replace(true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Comes with the death of the process.
    pub(crate) async fn death(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }
}
