//! Which handler gets which event.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{Context, Effects, Event, EventHandler, HandlerError, Missed, OrderPolicy};

/// A table of handlers; the first route that fits gets the event.
///
/// An event that fits none leads to nothing.
///
/// ```
/// use matrix_bridge_core::{Command, Context, Event, HandlerError, Reply, Router};
///
/// async fn ping(command: Command, _: Context) -> Result<Reply, HandlerError> {
///     Ok(command.reply("pong"))
/// }
///
/// async fn welcome(event: Event, _: Context) -> Result<Reply, HandlerError> {
///     Ok(event.reply("welcome"))
/// }
///
/// let router = Router::new().command("!ping", ping).on("m.room.member", welcome);
/// # let _ = router;
/// ```
#[derive(Clone, Default)]
pub struct Router {
    routes: Vec<Route>,
    missed: Option<Arc<dyn AnswerMissed>>,
    order: OrderPolicy,
}

#[derive(Clone)]
struct Route {
    when: When,
    handler: Arc<dyn Answer>,
    order: OrderPolicy,
}

#[derive(Clone)]
enum When {
    Command(String),
    Type(String),
    Any,
}

impl Router {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages of people whose first word is `name`, such as `!ping`.
    ///
    /// Notices and edits are no commands. `handler` is an
    /// `async fn(Command, Context) -> Result<E, HandlerError>`.
    #[must_use]
    pub fn command<H, R, E>(self, name: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Command, Context) -> R + Send + Sync + 'static,
        R: Future<Output = Result<E, HandlerError>> + Send + 'static,
        E: Into<Effects> + 'static,
    {
        self.route(When::Command(name.into()), CommandHandler(handler))
    }

    /// Events of a type, such as `m.reaction`.
    #[must_use]
    pub fn on(self, event_type: impl Into<String>, handler: impl EventHandler) -> Self {
        self.route(When::Type(event_type.into()), Whole(handler))
    }

    /// Every event that no earlier route took.
    #[must_use]
    pub fn otherwise(self, handler: impl EventHandler) -> Self {
        self.route(When::Any, Whole(handler))
    }

    /// Holes in a room's events; see [`EventHandler::missed`]. `handler` is an
    /// `async fn(Missed, Context) -> Result<E, HandlerError>`.
    #[must_use]
    pub fn missed<H, R, E>(mut self, handler: H) -> Self
    where
        H: Fn(Missed, Context) -> R + Send + Sync + 'static,
        R: Future<Output = Result<E, HandlerError>> + Send + 'static,
        E: Into<Effects> + 'static,
    {
        self.missed = Some(Arc::new(MissedHandler(handler)));
        self
    }

    /// Sets what becomes of a room, for the routes that are added from here on, when
    /// something that they send cannot be sent: by default it is parked and the room
    /// goes on; under [`OrderPolicy::Block`] nothing else is sent there until a person
    /// has decided about it, see [`Parked`](crate::Parked).
    ///
    /// What a handler [chose itself](Effects::order) holds.
    #[must_use]
    pub const fn order(mut self, order: OrderPolicy) -> Self {
        self.order = order;
        self
    }

    fn route(mut self, when: When, handler: impl Answer) -> Self {
        self.routes.push(Route {
            when,
            handler: Arc::new(handler),
            order: self.order,
        });
        self
    }
}

#[async_trait]
impl EventHandler for Router {
    async fn handle(&self, event: Event, context: Context) -> Result<Effects, HandlerError> {
        let text = event.text();
        for Route {
            when,
            handler,
            order,
        } in &self.routes
        {
            let arguments = match when {
                When::Command(name) => match text.as_deref().and_then(|t| arguments(t, name)) {
                    Some(arguments) => arguments.to_owned(),
                    None => continue,
                },
                When::Type(kind) if kind != event.kind() => continue,
                When::Type(_) | When::Any => String::new(),
            };
            let answer = handler.answer(Command { event, arguments }, context).await;
            return match answer {
                Ok(effects) => Ok(effects.or_order(*order)),
                Err(mut error) => {
                    error.effects = error.effects.or_order(*order);
                    Err(error)
                }
            };
        }
        Ok(Effects::none())
    }

    async fn missed(&self, missed: Missed, context: Context) -> Result<Effects, HandlerError> {
        match &self.missed {
            Some(handler) => handler.answer(missed, context).await,
            None => Ok(Effects::none()),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|route| match &route.when {
            When::Command(name) | When::Type(name) => name.as_str(),
            When::Any => "*",
        });
        f.debug_list().entries(routes).finish()
    }
}

/// A message that is a command.
#[derive(Clone, Debug)]
pub struct Command {
    event: Event,
    arguments: String,
}

impl Command {
    /// The message.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// What stands after the command's name, trimmed.
    #[must_use]
    pub fn arguments(&self) -> &str {
        &self.arguments
    }

    /// An `m.notice` that answers the command, in its room and thread.
    #[must_use]
    pub fn reply(&self, text: impl Into<String>) -> crate::Reply {
        self.event.reply(text)
    }
}

/// What stands after `name` in `text`, if that is its first word.
fn arguments<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.trim_start().strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// A route's handler, whichever of the two forms it was given in.
#[async_trait]
trait Answer: Send + Sync + 'static {
    async fn answer(&self, command: Command, context: Context) -> Result<Effects, HandlerError>;
}

struct Whole<H>(H);

#[async_trait]
impl<H: EventHandler> Answer for Whole<H> {
    async fn answer(&self, command: Command, context: Context) -> Result<Effects, HandlerError> {
        self.0.handle(command.event, context).await
    }
}

struct CommandHandler<H>(H);

#[async_trait]
impl<H, R, E> Answer for CommandHandler<H>
where
    H: Fn(Command, Context) -> R + Send + Sync + 'static,
    R: Future<Output = Result<E, HandlerError>> + Send + 'static,
    E: Into<Effects> + 'static,
{
    async fn answer(&self, command: Command, context: Context) -> Result<Effects, HandlerError> {
        Ok(self.0(command, context).await?.into())
    }
}

#[async_trait]
trait AnswerMissed: Send + Sync + 'static {
    async fn answer(&self, missed: Missed, context: Context) -> Result<Effects, HandlerError>;
}

struct MissedHandler<H>(H);

#[async_trait]
impl<H, R, E> AnswerMissed for MissedHandler<H>
where
    H: Fn(Missed, Context) -> R + Send + Sync + 'static,
    R: Future<Output = Result<E, HandlerError>> + Send + 'static,
    E: Into<Effects> + 'static,
{
    async fn answer(&self, missed: Missed, context: Context) -> Result<Effects, HandlerError> {
        Ok(self.0(missed, context).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_whole_first_word() {
        assert_eq!(arguments("!ping", "!ping"), Some(""));
        assert_eq!(arguments(" !echo  a b \n", "!echo"), Some("a b"));
        assert_eq!(arguments("!echo\nline", "!echo"), Some("line"));
        assert_eq!(arguments("!pingpong", "!ping"), None);
        assert_eq!(arguments("say !ping", "!ping"), None);
    }
}
