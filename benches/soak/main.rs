//! Whether memory stays flat: ten million events over a hundred thousand rooms.
//!
//! Run with `cargo bench --bench soak`; it takes some minutes. A source makes the events
//! up as fast as they are taken; one in a hundred is answered, one in a thousand is
//! parked, one in ten thousand is slow enough to go through the inbox. The store is a
//! SQLite file that is synced on every commit, the sender answers from memory. After
//! every twentieth of the events a line shows what the process and the store hold.
//!
//! `-- --events N --rooms N` sets other sizes.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod arguments;
mod ends;
mod handler;
mod sample;
mod source;

use std::{error::Error, path::Path, process::ExitCode, sync::Arc};

use matrix_bridge::{
    Engine, Identity, Parts, SqliteStore, StateStore, SystemClock, SystemRandom, ruma::user_id,
};
use tokio_util::sync::CancellationToken;

use self::{
    arguments::Sizes,
    ends::{Answers, NoHistory},
    handler::Handler,
    sample::Samples,
    source::MadeUp,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match arguments::read(std::env::args().skip(1)) {
        Ok(sizes) => run(sizes).await,
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

async fn run(sizes: Sizes) -> Result<()> {
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let path = folder.path().join("soak.db");
    let store = Arc::new(SqliteStore::open(&path)?);
    let handler = Arc::new(Handler::default());
    let engine = Engine::new(Parts {
        identity: Identity {
            user: user_id!("@bot:soak.local").to_owned(),
            device: Some("SOAK".into()),
        },
        store: store.clone(),
        sender: Arc::new(Answers::default()),
        history: Arc::new(NoHistory),
        handler: handler.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    });
    let health = engine.handle().health().clone();
    let stop = CancellationToken::new();
    let (source, mut committed) = MadeUp::new(sizes);
    let running = tokio::spawn(engine.run(Box::new(source), stop.clone()));

    let mut samples = Samples::new(sizes, path, health);
    println!("{}", sample::HEAD);
    while let Some(events) = committed.recv().await {
        if samples.is_due(events) {
            println!("{}", samples.take(events, &handler)?);
        }
    }
    stop.cancel();
    running.await??;
    store.close().await?;
    println!("\n{}", samples.verdict());
    Ok(())
}
