//! What a host writes: a handler, which decides what an event leads to.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use ruma::{EventId, UserId};

use crate::{Effects, Event, Misfit, Missed, RowKey, StoreError, ValueKey, shared::Shared};

/// Decides what an event leads to.
///
/// # Contract
///
/// - It may run more than once for one event, after a crash or an error; what it
///   returns is applied once. Work outside its effects (a mail, a payment) should use
///   the event's id as idempotency key.
/// - Events of one room come one after the other, in order; rooms run in parallel.
/// - It may take long: other rooms and the reading of new events go on. After the
///   engine's handler timeout it is given up.
///
/// An `async fn(Event, Context) -> Result<E, HandlerError>` is a handler too, where `E`
/// turns into [`Effects`]: nothing, a [`Reply`](crate::Reply), an option, or effects.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// Decides what `event` leads to.
    ///
    /// # Errors
    ///
    /// [`HandlerError::retry_after`] to be called again later, holding back the room;
    /// [`HandlerError::park`] to put the event aside for a person.
    async fn handle(&self, event: Event, context: Context) -> Result<Effects, HandlerError>;

    /// Decides what a hole in a room's events leads to. By default nothing: it is
    /// counted, logged and shown in health anyway.
    ///
    /// Called at the hole's place in the room's order, once for each hole, under the
    /// same contract as [`handle`](Self::handle).
    ///
    /// # Errors
    ///
    /// As for [`handle`](Self::handle).
    async fn missed(&self, missed: Missed, context: Context) -> Result<Effects, HandlerError> {
        let _ = (missed, context);
        Ok(Effects::none())
    }
}

// The trait is used as `dyn`; this fails to compile when it stops allowing it.
const _: fn(&dyn EventHandler) = |_| {};

#[async_trait]
impl<F, R, E> EventHandler for F
where
    F: Fn(Event, Context) -> R + Send + Sync + 'static,
    R: Future<Output = Result<E, HandlerError>> + Send,
    E: Into<Effects>,
{
    async fn handle(&self, event: Event, context: Context) -> Result<Effects, HandlerError> {
        Ok(self(event, context).await?.into())
    }
}

/// What a handler may know besides the event. Cloning is cheap.
#[derive(Clone)]
pub struct Context {
    /// Who we are, and the store.
    pub(crate) shared: Arc<Shared>,
    pub(crate) attempt: u32,
    pub(crate) age: Duration,
    pub(crate) is_catch_up: bool,
    pub(crate) overlay: Arc<BTreeMap<ValueKey, Option<Bytes>>>,
}

impl Context {
    /// The user that we are.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.shared.identity.user
    }

    /// The key of what the `index`th request in the effects of `event` becomes or became,
    /// counted from 0: to [edit](Effects::edit), redact or react to our own message
    /// without knowing its event, also before it is sent.
    ///
    /// Requests are counted in the order in which the effects name them; values are no
    /// requests.
    #[must_use]
    pub fn row_key(&self, event: &EventId, index: usize) -> RowKey {
        RowKey::effect(&self.shared.account, event, index)
    }

    /// Which try this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How old the event is. The sender's clock counts only between our last commit in
    /// the room and now.
    #[must_use]
    pub const fn age(&self) -> Duration {
        self.age
    }

    /// Whether the event came with the first batch after a start or an outage, or from
    /// the room's history.
    #[must_use]
    pub const fn is_catch_up(&self) -> bool {
        self.is_catch_up
    }

    /// A value that a handler kept. It shows what earlier events of the room decided.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; with `?` the event is tried again.
    pub async fn value(&self, namespace: &str, key: &str) -> Result<Option<Bytes>, StoreError> {
        let key = ValueKey::new(namespace, key);
        if let Some(value) = self.overlay.get(&key) {
            return Ok(value.clone());
        }
        Ok(self.shared.store.values(&[key]).await?.pop().flatten())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shared,
            attempt,
            age,
            is_catch_up,
            overlay: _,
        } = self;
        f.debug_struct("Context")
            .field("user", &shared.identity.user)
            .field("attempt", attempt)
            .field("age", age)
            .field("is_catch_up", is_catch_up)
            .finish_non_exhaustive()
    }
}

/// Why a handler did not decide.
#[derive(Debug)]
pub struct HandlerError {
    pub(crate) advice: Advice,
    pub(crate) reason: String,
    pub(crate) effects: Effects,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the engine is to do about a failed event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Advice {
    Retry(Duration),
    Park,
}

impl HandlerError {
    /// Call again after `delay`. The room waits; after too many tries the event is
    /// parked.
    pub fn retry_after(delay: Duration, reason: impl Into<String>) -> Self {
        Self::new(Advice::Retry(delay), reason.into())
    }

    /// Put the event aside for a person. The room goes on.
    pub fn park(reason: impl Into<String>) -> Self {
        Self::new(Advice::Park, reason.into())
    }

    /// Adds effects that happen when the event is put aside, such as telling the
    /// person who asked.
    #[must_use]
    pub fn saying(mut self, effects: impl Into<Effects>) -> Self {
        self.effects = self.effects.and(effects);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    const fn new(advice: Advice, reason: String) -> Self {
        Self {
            advice,
            reason,
            effects: Effects::none(),
            source: None,
        }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for HandlerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        Self::retry_after(Duration::from_secs(1), "the store could not be read").with_source(error)
    }
}

impl From<serde_json::Error> for HandlerError {
    fn from(error: serde_json::Error) -> Self {
        // Kept for a person, and logged: nothing of the content may be in it.
        Self::park("the event's content does not fit").with_source(Misfit::from(error))
    }
}
