//! Whether the bot holds under a great deal for a long time.
//!
//! Run with `cargo bench --bench soak`; it takes some minutes. Two questions:
//!
//! - **flood**: does memory stay flat over ten million events in a hundred thousand rooms?
//!   A source makes the events up as fast as they are taken; one in a hundred is answered,
//!   one in a thousand is parked, one in ten thousand is slow enough to go through the
//!   inbox.
//! - **drain**: does a queue of a hundred thousand messages in a thousand rooms, as an
//!   outage leaves it, drain at an even rate, and does a room that is new get its turn? At a
//!   twentieth somebody asks something in a room without any message waiting, and again
//!   in another at the twentieth after the answer.
//!
//! The store is a SQLite file that is synced on every commit, the sender answers from
//! memory. After every twentieth a line shows what the process and the store hold.
//!
//! `-- --only flood` (or `drain`) asks one of them; `--events N`, `--messages N` and
//! `--rooms N` set other sizes.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod arguments;
mod drain;
mod ends;
mod flood;
mod handler;
mod messages;
#[path = "../shared/outbox.rs"]
mod outbox;
mod sample;
mod source;
mod talk;

use std::{error::Error, path::PathBuf, process::ExitCode, sync::Arc};

use matrix_bridge::{
    Engine, EventHandler, Identity, Parts, Sender, SqliteStore, SystemClock, SystemRandom,
    ruma::user_id,
};
use tempfile::TempDir;

use self::{arguments::Arguments, ends::NoHistory};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => run(arguments).await,
        Err(message) => Err(message.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("soak: {}", matrix_bridge::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    if let Some(sizes) = arguments.flood {
        flood::run(sizes).await?;
    }
    if let Some(sizes) = arguments.drain {
        drain::run(sizes).await?;
    }
    Ok(())
}

/// A store in a file of its own, which goes with the folder.
fn store() -> Result<(TempDir, PathBuf, Arc<SqliteStore>)> {
    // Cargo's folder for temporary files, because `/tmp` is often not on a disk.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = folder.path().join("soak.db");
    let store = Arc::new(SqliteStore::open(&path)?);
    Ok((folder, path, store))
}

fn identity() -> Identity {
    Identity {
        user: user_id!("@bot:soak.local").to_owned(),
        device: Some("SOAK".into()),
    }
}

fn engine(
    store: Arc<SqliteStore>,
    sender: Arc<dyn Sender>,
    handler: Arc<dyn EventHandler>,
) -> Engine {
    Engine::new(Parts {
        identity: identity(),
        store,
        sender,
        history: Arc::new(NoHistory),
        handler,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    })
}
