//! The taking-in side: one file per theme, its statements at the top.

pub(crate) mod commit;
pub(crate) mod inbox;
pub(crate) mod lease;
pub(crate) mod link;
pub(crate) mod mark;
pub(crate) mod parked;
pub(crate) mod prune;
pub(crate) mod room;
pub(crate) mod source;
pub(crate) mod tally;
pub(crate) mod value;
