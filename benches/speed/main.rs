//! What durability costs: our side of each question as a ratio to a baseline of the same
//! run, and whether that is what we set out for.
//!
//! Run with `cargo xtask bench`, which also measures matrix-sdk and writes the table and a
//! plot to `target/bench`; without matrix-sdk, with `cargo bench --bench speed`. It takes
//! some minutes, and fails if a target is missed. The questions:
//!
//! - **ingest**: from the first position of a bot to the commit of the last event, 50,000
//!   events from 100 rooms and from 1,000. The handler reads the body of each. One baseline
//!   makes the same requests, taken down from a bot's run, through a plain `reqwest`
//!   client and drops the bodies; one reads them into ruma's types, the events left raw;
//!   one is matrix-sdk with its SQLite store and a handler.
//! - **memory**: the most that the process of such a bot has resident.
//! - **sends**: from the start of a bot on a full outbox to the last row that is written
//!   down as sent, 50 rooms at once. One baseline PUTs the same bodies to the same paths,
//!   as many at once, without a queue; one is matrix-sdk's send queue.
//! - **order**: the same with a single room, and requests one after the other.
//! - **marks**: what it takes to look up an event among ten million that were handled.
//! - **claim**: what it takes to claim rows of an outbox of a million, and where the first
//!   row waits in ten thousand rooms.
//! - **workers**: how sending grows with the bots that share one PostgreSQL, on a machine
//!   that they share with it and with the homeserver.
//!
//! The store is a SQLite file that is synced on every commit, in cargo's folder for
//! temporary files, because `/tmp` is often not on a disk. All sides talk to a homeserver
//! that answers from memory, over a loopback socket, on a thread of its own. A real
//! homeserver takes much longer to answer than all sides take for the rest: the ratios
//! show what we cost where nothing hides it, not what a bot on a real homeserver feels.
//! Absolute rates say more about the machine than about us.
//!
//! Each round measures the baseline before and after ours, so that whatever else the
//! machine does weighs on both. Not measured: TLS, slow handlers.
//!
//! `-- --only ingest` asks one question, and may be given again; `-- --profile ingest` (or
//! `sends`, or `order`) runs only our side of one, for a profiler to look at, and shows
//! how well commits were grouped.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod arguments;
mod claim;
#[path = "../shared/homeserver/mod.rs"]
mod homeserver;
mod ingest;
mod marks;
mod memory;
#[path = "../shared/outbox.rs"]
mod outbox;
#[path = "../shared/plain.rs"]
mod plain;
mod plot;
mod questions;
mod rival;
mod running;
mod sends;
mod table;
mod took;
mod workers;

use std::{error::Error, fs, path::Path, process::ExitCode};

use self::{
    arguments::Arguments,
    table::{HEAD, Line},
};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => run(&arguments).await,
        Err(message) => Err(message.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("speed: {}", matrix_bridge::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Whether all targets are met.
async fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(base_url) = &arguments.alone {
        memory::alone(base_url.clone(), &arguments.sizes).await?;
        return Ok(true);
    }
    if let Some(question) = arguments.profile {
        questions::profile(question, &arguments.sizes).await?;
        return Ok(true);
    }
    println!("{HEAD}");
    let mut lines = Vec::new();
    for question in &arguments.questions {
        for line in questions::ask(*question, arguments).await? {
            println!("{line}");
            lines.push(line);
        }
    }
    if let Some(folder) = &arguments.write {
        write(folder, &lines)?;
    }
    Ok(!arguments.is_full || !lines.iter().any(Line::is_missed))
}

/// Writes table and plot.
fn write(folder: &Path, lines: &[Line]) -> Result<()> {
    let rows: Vec<String> = lines.iter().map(ToString::to_string).collect();
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join("table.md"),
        format!("{HEAD}\n{}\n", rows.join("\n")),
    )?;
    fs::write(folder.join("plot.svg"), plot::svg(lines)?)?;
    Ok(())
}
