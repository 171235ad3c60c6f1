//! The handler: does what a question asks for, well or badly.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use matrix_bridge_core::{
    Context, Effects, Event, EventHandler, HandlerError, MAX_CONTENT, Message, Missed,
    ruma::{EventId, OwnedEventId},
};

use crate::{
    script::{self, Act},
    watch::Watch,
};

/// How long a handler that asks for another try wants to be left alone.
const RETRY: Duration = Duration::from_secs(20);

/// How long something brief is good for.
const BRIEF: Duration = Duration::from_secs(60);

/// Does what the question says.
#[derive(Debug)]
pub(crate) struct Obedient {
    /// The process it is in.
    pub(crate) number: u32,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl EventHandler for Obedient {
    async fn handle(&self, event: Event, context: Context) -> Result<Effects, HandlerError> {
        self.watch.note(format_args!(
            "p{} handles {}, attempt {}, catching up: {}",
            self.number,
            event.id(),
            context.attempt(),
            context.is_catch_up()
        ));
        let _busy = self.watch.handling(self.number);
        let acts = script::read(&event.text().unwrap_or_default());
        let mut effects = Effects::none();
        for act in acts {
            effects = self.act(act, effects, &event, &context).await?;
        }
        Ok(effects)
    }

    async fn missed(&self, missed: Missed, _: Context) -> Result<Effects, HandlerError> {
        self.watch.hole(missed.room.as_str());
        Ok(Effects::none())
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
            Act::Brief(text) => effects
                .send(event.room(), Message::notice(text))
                .expires_in(BRIEF),
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
