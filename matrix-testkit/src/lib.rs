//! What tests of a Matrix bot or bridge need, ours and yours.
//!
//! - [`homeserver`]: a homeserver inside the test, in virtual time or on a socket, with
//!   faults by script.
//! - [`virtual_time`]: a clock and random numbers that are the same in every run.
//! - [`conformance`]: the suite that every store has to pass; [`broken`] has stores that
//!   are wrong on purpose and must not, [`crash`] one that fails at a chosen call.
//! - [`synapse`] and [`person`]: a pinned Synapse on loopback, and people played by
//!   another client library; both need Python 3.
//! - `postgres`: a PostgreSQL on loopback, installed if need be.
//!
//! It is a dev-dependency, and its interface may change with any release.

pub mod broken;
pub mod conformance;
pub mod crash;
pub mod homeserver;
pub mod person;
mod port;
#[cfg(unix)]
pub mod postgres;
pub mod python;
pub mod synapse;
mod tail;
pub mod virtual_time;
