//! The sending side: one file per theme, its statements at the top.

pub(crate) mod claim;
pub(crate) mod enqueue;
pub(crate) mod lane;
pub(crate) mod outcome;
pub(crate) mod person;
pub(crate) mod prune;
pub(crate) mod report;
pub(crate) mod row;
pub(crate) mod settle;

/// The numbers of the states in the table `outbox`.
pub(crate) mod state {
    pub(crate) const WAITING: i16 = 0;
    pub(crate) const PARKED: i16 = 1;
    pub(crate) const SHADOW: i16 = 2;
    pub(crate) const SENT: i16 = 3;
}
