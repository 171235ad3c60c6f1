//! The bot: two commands, started and stopped.

use std::{error::Error, path::Path};

use matrix_bridge::{
    Bot, Client, Command, Context, EngineError, HandlerError, Reply, Router, SqliteStore,
    ruma::OwnedUserId,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

async fn ping(command: Command, _: Context) -> Result<Reply, HandlerError> {
    Ok(command.reply("pong"))
}

async fn echo(command: Command, _: Context) -> Result<Reply, HandlerError> {
    Ok(command.reply(command.arguments()))
}

/// A bot that runs beside us.
pub(crate) struct Running {
    pub(crate) user: OwnedUserId,
    stop: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
}

/// Starts the bot on the store at `path`.
pub(crate) async fn start(
    homeserver: &str,
    token: String,
    path: &Path,
) -> Result<Running, Box<dyn Error>> {
    let client = Client::connect(homeserver, token).await?;
    let user = client.who_am_i().user;
    let router = Router::new().command("!ping", ping).command("!echo", echo);
    let bot = Bot::new(client, SqliteStore::open(path)?, router);
    let stop = CancellationToken::new();
    let task = tokio::spawn(bot.run(stop.clone()));
    Ok(Running { user, stop, task })
}

impl Running {
    /// Stops the bot and waits until it has written everything down.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}
