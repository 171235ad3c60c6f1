//! The example `room_router` as a process: what it answers, how it ends, what it says.
//!
//! Cargo builds examples before it runs all tests, but not for `--test router` alone:
//! build the example first then.

#![cfg(test)]

mod answers;
mod bot;
mod crashes;
mod outages;
mod parked;
mod refusals;
mod reloads;
mod reports;
mod tokens;
mod world;

/// Its unit tests: an example that is built as a program has none of its own in
/// `cargo test`.
#[path = "../../examples/room_router/main.rs"]
mod program;

/// Stands for the program's, so that what it uses counts as used; the tests' own is run.
fn main() -> std::process::ExitCode {
    program::main()
}
