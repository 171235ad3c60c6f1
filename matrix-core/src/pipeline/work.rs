//! One call of the handler, with everything that can go wrong in it.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use ruma::{EventId, RoomId};
use tracing::Instrument;

use crate::{
    Context, Effects, Event, Gap, HandlerError, InboxEntry, InboxItem, Missed, NewInboxEntry,
    ParkCode, ParkReason, Timestamp, ValueKey, chain, handler::Advice, metrics, shared::Shared,
};

/// Something that is to be handled.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) subject: Subject,
    pub(crate) received: Timestamp,
    /// The sender's time, clamped to what we know ourselves.
    pub(crate) sent: Timestamp,
    pub(crate) is_catch_up: bool,
    pub(crate) attempts: u32,
}

/// What is to be handled.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Event(Event),
    /// A gap that was given up: handlers are told. Boxed, since it is rare and large.
    Missed(Box<(Missed, Gap)>),
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
            subject: Subject::Event(event),
            received: now,
            sent,
            is_catch_up,
            attempts: 0,
        }
    }

    /// Work from the inbox; `None` if the stored event cannot be read, or for a gap that
    /// is still to be filled.
    pub(crate) fn from_inbox(stored: &InboxEntry) -> Option<Self> {
        let NewInboxEntry {
            room,
            item,
            received,
            sent,
            is_catch_up,
            attempts,
            due: _,
        } = &stored.entry;
        let subject = match item {
            InboxItem::Event { event_id: _, raw } => Subject::Event(Event::read(room, raw).ok()?),
            InboxItem::Gap(gap) => {
                let missed = Missed {
                    room: room.clone(),
                    last_seen: gap.last_seen.clone(),
                    cause: gap.cause,
                    end: gap.end?,
                };
                Subject::Missed(Box::new((missed, gap.clone())))
            }
        };
        Some(Self {
            subject,
            received: *received,
            sent: *sent,
            is_catch_up: *is_catch_up,
            attempts: *attempts,
        })
    }

    /// The same work as an inbox entry, to be tried from `due` on.
    pub(crate) fn into_inbox(self, attempts: u32, due: Timestamp) -> NewInboxEntry {
        let (room, item) = match self.subject {
            Subject::Event(event) => (
                event.room().to_owned(),
                InboxItem::Event {
                    event_id: event.id().to_owned(),
                    raw: event.raw().clone(),
                },
            ),
            Subject::Missed(missed) => {
                let (missed, gap) = *missed;
                (missed.room, InboxItem::Gap(gap))
            }
        };
        NewInboxEntry {
            room,
            item,
            received: self.received,
            sent: self.sent,
            is_catch_up: self.is_catch_up,
            attempts,
            due,
        }
    }

    pub(crate) fn room(&self) -> &RoomId {
        match &self.subject {
            Subject::Event(event) => event.room(),
            Subject::Missed(missed) => &missed.0.room,
        }
    }

    /// The event's id, if it is one.
    pub(crate) fn event_id(&self) -> Option<&EventId> {
        match &self.subject {
            Subject::Event(event) => Some(event.id()),
            Subject::Missed(..) => None,
        }
    }

    pub(crate) fn is_state(&self) -> bool {
        match &self.subject {
            Subject::Event(event) => event.state_key().is_some(),
            Subject::Missed(..) => false,
        }
    }

    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.sent)
    }
}

/// Calls the handler. It returns whatever the handler does: panic, hang or fail.
pub(crate) async fn handle(shared: Arc<Shared>, work: Work, overlay: Arc<Overlay>) -> Outcome {
    let started = shared.steady();
    let context = Context {
        shared: shared.clone(),
        attempt: work.attempts + 1,
        age: work.age(shared.now()),
        is_catch_up: work.is_catch_up,
        overlay,
    };
    let (room, event_id) = (work.room(), work.event_id());
    let span =
        tracing::debug_span!("event", %room, event_id = ?event_id, attempt = context.attempt);
    let call = AssertUnwindSafe(call(&shared, work.subject.clone(), context)).catch_unwind();
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
    metrics::handler_took(shared.steady().since(started));
    if let Outcome::Park(reason, _) = &outcome {
        span.in_scope(|| tracing::warn!(%reason, "event parked"));
    }
    outcome
}

async fn call(
    shared: &Shared,
    subject: Subject,
    context: Context,
) -> Result<Effects, HandlerError> {
    match subject {
        Subject::Event(event) => shared.handler.handle(event, context).await,
        Subject::Missed(missed) => shared.handler.missed(missed.0, context).await,
    }
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
