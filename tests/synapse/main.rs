//! The routing bot against a real Synapse, with people played by matrix-nio.
//!
//! Run by `cargo xtask test synapse`, which starts the server and tells where it is in the environment. The bot
//! is the example `room_router` as a process, as an operator would run it, unless a test needs to reach inside.
//!
//! - `world`, `said`, `sends`, `load`, `parlor`, and the crate `matrix-bridge-harness`: what tests are told with.
//! - The other modules: one theme each.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests that cannot help must fail the test"
)]

mod accounts;
mod canary;
mod configuration;
mod encryption;
mod invites;
mod limits;
mod load;
mod lost_answers;
mod observation;
mod parlor;
mod recovery;
mod redelivery;
mod relations;
mod restarts;
mod routing;
mod said;
mod sends;
mod shadow;
mod shutdown;
mod tokens;
mod world;

use matrix_bridge_harness::{http, router, setup, until};
