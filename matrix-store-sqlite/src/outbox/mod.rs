//! The sending side: one file per theme, its statements at the top.

pub(crate) mod claim;
pub(crate) mod contents;
pub(crate) mod enqueue;
mod lane;
pub(crate) mod outcome;
pub(crate) mod person;
#[cfg(test)]
mod plan;
pub(crate) mod prune;
pub(crate) mod report;
mod row;
pub(crate) mod settle;

/// The numbers of the states in the table `outbox`.
mod state {
    pub(super) const WAITING: i64 = 0;
    pub(super) const PARKED: i64 = 1;
    pub(super) const SHADOW: i64 = 2;
    pub(super) const SENT: i64 = 3;
}
