//! The handler: does what a question asks for, well or badly.

use std::time::Duration;

use async_trait::async_trait;
use matrix_bridge_core::{
    Context, Effects, Event, EventHandler, HandlerError, MAX_CONTENT, Message,
    ruma::{EventId, OwnedEventId},
};

use crate::script::{self, Act};

/// How long a handler that asks for another try wants to be left alone.
const RETRY: Duration = Duration::from_secs(20);

/// Does what the question says.
#[derive(Debug)]
pub(crate) struct Obedient;

#[async_trait]
impl EventHandler for Obedient {
    async fn handle(&self, event: Event, context: Context) -> Result<Effects, HandlerError> {
        let acts = script::read(&event.text().unwrap_or_default());
        let mut effects = Effects::none();
        for act in acts {
            effects = self.act(act, effects, &event, &context).await?;
        }
        Ok(effects)
    }
}

impl Obedient {
    async fn act(
        &self,
        act: Act,
        effects: Effects,
        event: &Event,
        context: &Context,
    ) -> Result<Effects, HandlerError> {
        let room = || event.room().to_owned();
        Ok(match act {
            Act::Reply(text) => effects.reply(event.reply(text)),
            Act::Say(text) => effects.send(event.room(), Message::notice(text)),
            Act::React(key) => effects.react(room(), event.id(), &key),
            Act::Edit { target, text } => {
                effects.edit(room(), &id(&target)?, Message::notice(text))
            }
            Act::Redact { target } => effects.redact(room(), id(&target)?, None),
            Act::Big => effects.reply(event.reply("x".repeat(MAX_CONTENT))),
            Act::Slow(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                effects
            }
            Act::Retry(attempt) if context.attempt() < attempt => {
                return Err(HandlerError::retry_after(RETRY, "not yet"));
            }
            Act::Retry(_) => effects,
            Act::Fail => return Err(HandlerError::park("asked to").saying(effects)),
            Act::Panic => std::panic::resume_unwind(Box::new("the handler's own")),
            Act::Hang => std::future::pending().await,
        })
    }
}

fn id(text: &str) -> Result<OwnedEventId, HandlerError> {
    EventId::parse(text).map_err(|error| HandlerError::park("no event id").with_source(error))
}
