//! Days of a bot's life in virtual time, each from one seed.
//!
//! A day is the real engine and client, a store, and the testkit's homeserver, in one
//! thread and without a real clock. People ask in many rooms; meanwhile connections,
//! the homeserver, the disk, the clock, the account, handlers and processes fail in all
//! the ways that we know of. What must hold is judged by rules that know nothing of the
//! engine: they look at the requests on the wire, at what lies in the rooms, at what the
//! store lists, and at what the people did.
//!
//! The same seed gives the same day, byte for byte.

mod bot;
mod clock;
mod day;
mod deed;
mod disk;
mod judge;
mod mortal;
mod process;
mod question;
mod report;
mod room;
mod scale;
mod script;
mod token;
mod trace;
mod watch;
mod wire;
mod world;

pub use self::{
    report::{Report, Totals},
    scale::Scale,
};

/// Seeds that once failed; they stay for ever.
pub const KEPT: &[u64] = &[
    2, 30, 38, 84, 93, 96, 97, 115, 118, 139, 141, 165, 181, 190, 198, 212, 231, 271, 275, 369,
    564, 590, 674, 677,
];

/// Lives the day of `seed`. With `trace` the report holds all that happened, line by
/// line.
#[must_use]
pub fn live(seed: u64, trace: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(day::live(seed, trace)),
        Err(error) => Report::bad(seed, format!("no runtime: {error}")),
    }
}
