//! The one tree that holds everything, and what a call sees of it.

mod changes;
pub(crate) mod count;
mod disk;
mod key;
mod pieces;
mod scan;
mod table;
mod tally;
mod view;

pub(crate) use self::{
    disk::{CommitError, Disk, commits_key, guarded},
    key::{Key, digest_of, digest_of_pair},
    scan::Pair,
    table::Table,
    view::{View, corrupt, last_number, number},
};
