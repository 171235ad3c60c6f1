//! A source, and how it goes with it: what outlives a pipeline that starts anew.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{Source, SourceId, shared::Shared, time::Moment};

/// A source on its way from one pipeline to the next.
///
/// A wait that the homeserver asked for holds also after the store failed, and the
/// pipeline with it.
pub(crate) struct Feed {
    pub(super) source: Box<dyn Source>,
    /// How often in a row it failed, and since when.
    pub(super) failures: u32,
    pub(super) down_since: Option<Moment>,
    resumed: watch::Receiver<u64>,
    wait: Option<Wait>,
}

/// How long to leave the source alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) delay: Duration,
    /// It is over when the account works again.
    pub(super) is_for_account: bool,
}

/// A pause that has begun.
struct Wait {
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_for_account: bool,
}

impl Feed {
    pub(crate) fn new(shared: &Shared, source: Box<dyn Source>) -> Self {
        Self {
            source,
            failures: 0,
            down_since: None,
            resumed: shared.resumed.subscribe(),
            wait: None,
        }
    }

    pub(crate) fn source_id(&self) -> SourceId {
        self.source.id().clone()
    }

    /// From now on the source is left alone for so long.
    pub(super) fn pause(&mut self, shared: &Arc<Shared>, pause: Pause) {
        let Pause {
            delay,
            is_for_account,
        } = pause;
        let clock = shared.clock.clone();
        self.wait = Some(Wait {
            over: Box::pin(async move { clock.sleep(delay).await }),
            is_for_account,
        });
    }

    /// Comes back when the source may be asked. What is left of a pause when this is
    /// dropped is left for the next call.
    pub(super) async fn ready(&mut self) {
        if let Some(wait) = &mut self.wait {
            tokio::select! {
                biased;
                Ok(()) = self.resumed.changed(), if wait.is_for_account => {}
                () = &mut wait.over => {}
            }
        }
        self.wait = None;
        // What changes from here on may have come too late for the next attempt.
        self.resumed.mark_unchanged();
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            failures,
            down_since,
            resumed: _,
            wait,
        } = self;
        f.debug_struct("Feed")
            .field("source", source)
            .field("failures", failures)
            .field("down_since", down_since)
            .field("is_waiting", &wait.is_some())
            .finish_non_exhaustive()
    }
}
