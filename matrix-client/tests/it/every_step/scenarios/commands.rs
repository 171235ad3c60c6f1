//! A bot that does more than answer: `!edit`, `!react`, `!redact`, `!count`.

use std::{error::Error, sync::Arc, time::Duration};

use matrix_bridge_core::{Command, Context, Effects, HandlerError, Message, chain};
use ruma::EventId;
use serde_json::json;

use crate::{
    every_step::scenario::setup,
    world::{Setup, commands},
};

const SECOND: Duration = Duration::from_secs(1);

/// More commands: `!edit`, `!react`, `!redact`, `!count`.
pub(super) fn extended() -> Setup {
    Setup {
        handler: Arc::new(
            commands()
                .command("!edit", edit)
                .command("!react", react)
                .command("!redact", redact)
                .command("!count", count),
        ),
        ..setup()
    }
}

async fn edit(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let target = EventId::parse(command.arguments()).map_err(refused)?;
    let room = command.event().room().to_owned();
    Ok(Effects::none().edit(room, target, Message::text("better")))
}

async fn react(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let event = command.event();
    Ok(Effects::none().react(event.room().to_owned(), event.id(), "+1"))
}

async fn redact(command: Command, _: Context) -> Result<Effects, HandlerError> {
    let target = EventId::parse(command.arguments()).map_err(refused)?;
    let room = command.event().room().to_owned();
    Ok(Effects::none().redact(room, target, None))
}

async fn count(command: Command, context: Context) -> Result<Effects, HandlerError> {
    let retry = |error| HandlerError::retry_after(SECOND, chain(&error));
    let before = context.value("test", "count").await.map_err(retry)?;
    let before = before.map_or(0, |value| u64::from(value[0]));
    let now = u8::try_from(before + 1).map_err(refused)?;
    let room = command.event().room().to_owned();
    let effects = Effects::from(command.reply(now.to_string()));
    effects
        .set_value("test", "count", vec![now])
        .set_state(room, "com.example.count", "", &json!({"count": now}))
        .map_err(refused)
}

fn refused(error: impl Error) -> HandlerError {
    HandlerError::park(error.to_string())
}
