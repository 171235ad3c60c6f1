//! TBD

pub mod broken;
pub mod conformance;
pub mod crash;
pub mod homeserver;
pub mod person;
pub mod python;
pub mod synapse;
mod tail;
