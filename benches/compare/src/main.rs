//! Measures matrix-sdk as `benches/speed` measures ours.
//!
//! `compare ingest ROOMS EVENTS PAGES` takes in pages of so many events of each room,
//! `compare sends ROOMS MESSAGES` sends so many messages to each room. Both talk to the same
//! homeserver as ours, keep everything in matrix-sdk's SQLite store, and say how many it
//! were and how long they took, as one line of JSON. `cargo xtask bench` runs them.

// Both benchmarks share it; this one does not need all of it.
#[expect(dead_code, reason = "what only ours needs")]
#[path = "../../shared/homeserver/mod.rs"]
mod homeserver;
mod ingest;
mod sends;
mod session;

use std::{error::Error, process::ExitCode, time::Duration};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How much was done, in which time.
struct Took {
    count: usize,
    span: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(Took { count, span }) => {
            let seconds = span.as_secs_f64();
            println!("{}", serde_json::json!({"count": count, "seconds": seconds}));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<Took> {
    let (question, sizes) = arguments.split_first().ok_or("no question")?;
    let sizes: std::result::Result<Vec<usize>, _> = sizes.iter().map(|size| size.parse()).collect();
    match (question.as_str(), sizes?.as_slice()) {
        ("ingest", &[rooms, events, pages]) => ingest::run(rooms, events, pages).await,
        ("sends", &[rooms, messages]) => sends::run(rooms, messages).await,
        _ => Err("`ingest ROOMS EVENTS PAGES` or `sends ROOMS MESSAGES`".into()),
    }
}
