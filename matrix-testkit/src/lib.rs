//! TBD

pub mod conformance;
pub mod homeserver;
pub mod person;
pub mod python;
pub mod synapse;
mod tail;
