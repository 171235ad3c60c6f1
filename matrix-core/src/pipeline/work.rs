//! One call of the handler, with everything that can go wrong in it.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use ruma::OwnedRoomId;
use tracing::Instrument;

use crate::{
    Context, Effects, Event, HandlerError, InboxEntry, InboxItem, NewInboxEntry, ParkCode,
    ParkReason, Timestamp, ValueKey, chain, handler::Advice, metrics, shared::Shared,
};

/// An event that is to be handled.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) event: Event,
    pub(crate) received: Timestamp,
    /// The sender's time, clamped to what we know ourselves.
    pub(crate) sent: Timestamp,
    pub(crate) is_catch_up: bool,
    pub(crate) attempts: u32,
}

/// What the handler's answer comes to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(Effects),
    Park(ParkReason, Effects),
    Retry { due: Timestamp, attempts: u32 },
}

/// The values that earlier events of the room set and no commit holds yet.
pub(crate) type Overlay = BTreeMap<ValueKey, Option<Bytes>>;

impl Work {
    pub(crate) fn new(
        event: Event,
        last_commit: Timestamp,
        now: Timestamp,
        is_catch_up: bool,
    ) -> Self {
        let sent = event
            .origin_server_ts()
            .unwrap_or(now)
            .max(last_commit)
            .min(now);
        Self {
            event,
            received: now,
            sent,
            is_catch_up,
            attempts: 0,
        }
    }

    /// Work from the inbox; `None` if the stored event cannot be read.
    pub(crate) fn from_inbox(stored: &InboxEntry) -> Option<Self> {
        let NewInboxEntry {
            room,
            item,
            received,
            is_catch_up,
            attempts,
            due: _,
        } = &stored.entry;
        let InboxItem::Event { event_id: _, raw } = item else {
            return None;
        };
        let event = Event::read(room, raw).ok()?;
        let sent = event.origin_server_ts().unwrap_or(*received).min(*received);
        Some(Self {
            event,
            received: *received,
            sent,
            is_catch_up: *is_catch_up,
            attempts: *attempts,
        })
    }

    /// The same work as an inbox entry, to be tried from `due` on.
    pub(crate) fn into_inbox(self, attempts: u32, due: Timestamp) -> NewInboxEntry {
        NewInboxEntry {
            room: self.event.room().to_owned(),
            item: InboxItem::Event {
                event_id: self.event.id().to_owned(),
                raw: self.event.raw().clone(),
            },
            received: self.received,
            is_catch_up: self.is_catch_up,
            attempts,
            due,
        }
    }

    pub(crate) fn room(&self) -> OwnedRoomId {
        self.event.room().to_owned()
    }
}

/// Calls the handler. It returns whatever the handler does: panic, hang or fail.
pub(crate) async fn handle(shared: Arc<Shared>, work: Work, overlay: Arc<Overlay>) -> Outcome {
    let started = shared.now();
    let context = Context {
        user: shared.identity.user.clone(),
        attempt: work.attempts + 1,
        age: started.since(work.sent),
        is_catch_up: work.is_catch_up,
        store: shared.store.clone(),
        overlay,
    };
    let (room, event_id) = (work.event.room(), work.event.id());
    let span = tracing::debug_span!("event", %room, %event_id, attempt = context.attempt);
    let call = AssertUnwindSafe(shared.handler.handle(work.event.clone(), context)).catch_unwind();
    let outcome = tokio::select! {
        biased;
        result = call.instrument(span.clone()) => match result {
            Ok(Ok(effects)) => Outcome::Done(effects),
            Ok(Err(error)) => failed(&shared, &work, error),
            Err(panic) => park(ParkCode::Panic, panic_text(&*panic), Effects::none()),
        },
        () = shared.clock.sleep(shared.settings.handler_timeout) => {
            let limit = shared.settings.handler_timeout;
            park(ParkCode::HandlerTimeout, format!("no answer within {limit:?}"), Effects::none())
        }
    };
    metrics::handler_took(shared.now().since(started));
    if let Outcome::Park(reason, _) = &outcome {
        span.in_scope(|| tracing::warn!(%reason, "event parked"));
    }
    outcome
}

fn failed(shared: &Shared, work: &Work, error: HandlerError) -> Outcome {
    let attempts = work.attempts + 1;
    let detail = chain(&error);
    match error.advice {
        Advice::Retry(delay) if attempts < shared.settings.handler_attempts => {
            // A handler that asks for no pause at all must not spin.
            let delay = delay.max(Duration::from_millis(10));
            Outcome::Retry {
                due: shared.now() + delay,
                attempts,
            }
        }
        Advice::Retry(_) => {
            let detail = format!("given up after {attempts} tries: {detail}");
            park(ParkCode::Handler, detail, error.effects)
        }
        Advice::Park => park(ParkCode::Handler, detail, error.effects),
    }
}

const fn park_reason(code: ParkCode, detail: String) -> ParkReason {
    ParkReason { code, detail }
}

fn park(code: ParkCode, detail: String, effects: Effects) -> Outcome {
    Outcome::Park(park_reason(code, detail), effects)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the handler panicked".to_owned())
}
