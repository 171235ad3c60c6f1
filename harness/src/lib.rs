//! The example `room_router` as a process, as an operator would run it: for tests and for `cargo xtask kill`.
//!
//! 1. [`Setup`] writes its configuration; each start with it uses the same files.
//! 2. [`Router`] runs it, reads its log, metrics and health, and signals or kills it.
//! 3. [`until`](mod@until) waits for what another process does; [`http`] asks servers without the client under
//!    test.
//! 4. [`judge`](mod@judge) says what became of questions: one answer each, in its place, in order.
//!
//! What cannot help a test panics, and so fails it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests that cannot help must fail the test"
)]

pub mod http;
pub mod judge;
pub mod router;
pub mod setup;
pub mod until;

pub use judge::{Answer, Question, Verdict, judge};
pub use router::Router;
pub use setup::Setup;
