//! The sending side: one file per theme.

pub(crate) mod claim;
#[cfg(test)]
mod cost;
pub(crate) mod enqueue;
pub(crate) mod head;
pub(crate) mod lane;
pub(crate) mod outcome;
pub(crate) mod person;
pub(crate) mod prune;
pub(crate) mod report;
pub(crate) mod row;
pub(crate) mod settle;
