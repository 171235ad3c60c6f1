//! Fuzz targets for every parser of outside input.
//!
//! 1. A [`Target`] is a plain function of bytes. It goes through the public entry points
//!    that outside input goes through, and asserts what must hold whatever comes in.
//! 2. `judge` runs it once: on a small stack, without a panic, within a bounded time and
//!    a bounded memory.
//! 3. [`replay()`] judges the committed corpus, and then inputs made from it by [`mutate()`];
//!    `cargo test` does that for each target in a process of its own.
//! 4. `cargo xtask fuzz` builds the same program with `--cfg guided`: libFuzzer then
//!    chooses the inputs by the code that they reach.

mod judge;
mod measure;
mod mutate;
mod replay;
mod scratch;
mod target;
mod targets;

#[path = "../../examples/room_router/commands.rs"]
mod commands;
#[path = "../../examples/room_router/config/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the example uses more of it")]
mod config;

pub use self::{
    judge::{Finding, Judge},
    mutate::{MAX_LEN, mutate},
    replay::{Replayed, corpus, replay},
    scratch::Scratch,
    target::{Grammar, Target},
};
