//! What durability costs: events taken in and messages sent per second, each as a ratio
//! to the bare requests.
//!
//! Run with `cargo bench --bench throughput`; it takes less than a minute. Two questions:
//!
//! - **ingest**: from the start of a bot to the commit of the last event. The store is a
//!   SQLite file that is synced on every commit, the handler wants nothing. The baseline
//!   makes the same requests, taken down from a bot's run, through a plain `reqwest`
//!   client, reads the bodies to their ends and looks into nothing.
//! - **sends**: from the start of a bot on a full outbox to the last row that is written
//!   down as sent. The baseline PUTs the same bodies to the same paths, as many at once as
//!   the bot does ([`Settings::in_flight`](matrix_bridge::Settings)), without a queue.
//!
//! Both sides talk to a homeserver that answers from memory, over a loopback socket, on a
//! thread of its own. A real homeserver takes much longer to answer than both sides take
//! for all the rest: the ratios show what we cost where nothing hides it, not what a bot
//! on a real homeserver feels. Absolute rates say more about the machine than about us.
//!
//! Each round measures the baseline before and after ours, so that whatever else the
//! machine does weighs on both. Not measured: TLS, slow handlers, large accounts' first
//! syncs, memory.
//!
//! `-- --profile ingest` (or `sends`) runs only our side of one question, for a profiler
//! to look at, and shows how well commits were grouped. The store is in cargo's folder
//! for temporary files, because `/tmp` is often not on a disk.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod arguments;
mod counter;
mod homeserver;
mod ingest;
#[path = "../shared/outbox.rs"]
mod outbox;
mod pages;
mod plain;
mod running;
mod sends;
mod table;

use std::{error::Error, process::ExitCode};

use self::{
    arguments::{Arguments, Question, Sizes},
    ingest::Ingest,
    running::Took,
    sends::Sends,
    table::{Round, Rounds},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => run(&arguments).await,
        Err(message) => Err(message.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("throughput: {}", matrix_bridge::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { sizes, profile } = arguments;
    match profile {
        Some(Question::Ingest) => {
            let ingest = Ingest::prepare(sizes).await?;
            for _ in 0..sizes.rounds {
                println!("{}", ingest.ours().await?);
            }
        }
        Some(Question::Sends) => {
            let sends = Sends::prepare(sizes)?;
            for _ in 0..sizes.rounds {
                println!("{}", sends.ours().await?);
            }
        }
        None => {
            println!("{}", table::HEAD);
            println!("{}", ingest(sizes).await?);
            println!("{}", sends(sizes).await?);
        }
    }
    Ok(())
}

async fn ingest(sizes: &Sizes) -> Result<Rounds> {
    let ingest = Ingest::prepare(sizes).await?;
    let mut rounds = Rounds::of("ingest", "events");
    for _ in 0..sizes.rounds {
        let before = ingest.baseline().await?;
        let ours = ingest.ours().await?;
        let after = ingest.baseline().await?;
        rounds.add(Round::new(&ours, [before, after]));
    }
    Ok(rounds)
}

async fn sends(sizes: &Sizes) -> Result<Rounds> {
    let sends = Sends::prepare(sizes)?;
    // The first round of each side pays for connections and caches.
    sends.ours().await?;
    let mut rounds = Rounds::of("sends", "messages");
    for _ in 0..sizes.rounds {
        let before = sends.baseline().await?;
        let ours = sends.ours().await?;
        let after = sends.baseline().await?;
        rounds.add(Round::new(&ours, [before, after]));
    }
    Ok(rounds)
}
