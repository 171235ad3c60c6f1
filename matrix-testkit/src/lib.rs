//! TBD

pub mod conformance;
pub mod person;
pub mod python;
pub mod synapse;
mod tail;
