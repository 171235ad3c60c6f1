//! The taking-in side: one file per table.

pub(crate) mod commit;
pub(crate) mod inbox;
pub(crate) mod lease;
pub(crate) mod link;
pub(crate) mod mark;
pub(crate) mod parked;
pub(crate) mod prune;
pub(crate) mod room;
pub(crate) mod source;
pub(crate) mod value;
