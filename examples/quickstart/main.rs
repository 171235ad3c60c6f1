//! A bot in two rooms that is stopped in the middle and misses nothing.
//!
//! Run with `cargo run --example quickstart`: the homeserver is a small one inside the
//! process, the store a SQLite file in a temporary folder. To see the same bot on a
//! homeserver of yours, until Ctrl-C:
//!
//! ```sh
//! MATRIX_HOMESERVER_URL=https://matrix.example.org MATRIX_ACCESS_TOKEN=... \
//!     cargo run --example quickstart
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod bot;
mod scene;
mod transcript;

use std::{env, error::Error, process::ExitCode};

const HOMESERVER: &str = "MATRIX_HOMESERVER_URL";
const TOKEN: &str = "MATRIX_ACCESS_TOKEN";

#[tokio::main]
async fn main() -> ExitCode {
    let [homeserver, token] = [HOMESERVER, TOKEN].map(|name| env::var(name).ok());
    let result = match (homeserver, token) {
        (Some(homeserver), Some(token)) => live(&homeserver, token).await,
        (None, None) => scene::play().await,
        (Some(_), None) => Err(format!("{HOMESERVER} is set and {TOKEN} is not").into()),
        (None, Some(_)) => Err(format!("{TOKEN} is set and {HOMESERVER} is not").into()),
    };
    match result {
        Ok(last_line) => {
            println!("{last_line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("quickstart: {}", matrix_bridge::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The bot on a real homeserver.
async fn live(homeserver: &str, token: String) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let bot = bot::start(homeserver, token, &folder.path().join("bot.db")).await?;
    println!(
        "{} is listening; say !ping or !echo TEXT in a room it is in",
        bot.user
    );
    tokio::signal::ctrl_c().await?;
    bot.stop().await?;
    Ok("stopped".to_owned())
}
