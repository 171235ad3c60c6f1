//! The sled store of matrix-bridge: a folder, and nothing but Rust. **Experimental.**
//!
//! It passes the same suite and the same kills as the SQLite store. It is experimental
//! because of what it stands on: [sled] 0.34 calls itself beta, has had no release since
//! 2021, and brings crates that nobody maintains. Choose it where no C may be compiled;
//! choose SQLite otherwise. [`copy`](matrix_bridge_core::copy) moves a service from one
//! to the other.
//!
//! # Its limits
//!
//! - **Loss of power.** By itself sled writes every half second, and its `flush` only asks
//!   Linux to write the pages out (`sync_file_range`): neither the disk's own memory nor
//!   the file's new length are synced. This crate flushes each batch and then syncs the
//!   log, before it answers. So what was reported survives a kill of the process, which is
//!   tested, and should survive a loss of power, which is not: sled frees and reuses
//!   places of its log in the order in which it has *asked* for pages to be written.
//! - **A damaged log is an earlier state.** sled takes a place of its log that it cannot
//!   read for the end of what a crash has cut off, goes back to what comes before, and
//!   says nothing. This crate counts commits in the log and beside it, and refuses to open
//!   a log that ends too early ([`OpenError::Lost`]).
//! - **Space.** sled gives space back badly: the file is five to seven times as large as
//!   what is in it while rows come and go at a steady pace, and larger after kills in the
//!   middle of large batches. What is pruned makes place for what comes; the file hardly
//!   ever shrinks. To shrink it, copy the store into a new one.
//! - **A failed write closes the store.** A full disk or an error of the disk in a commit
//!   leaves its outcome unknown, and sled's memory in disagreement with its file. Open the
//!   store anew and read what stands. SQLite goes on after a full disk.
//! - **One process.** sled locks its file, so nothing can read beside a running engine: no
//!   reports and no commands about parked rows from another process. Within the engine's
//!   process they work. For a backup the engine has to stop.
//! - **Panics.** sled panics over some damage. Such a panic becomes an error of the call,
//!   and the store closes itself; the program's panic hook still hears of it, and with
//!   `panic = "abort"` there is nothing to be caught.
//!
//! # Its use
//!
//! 1. [`SledStore::open`] takes the folder for one *engine*: an OS lock on
//!    `<path>.lock`, freed with the process however it ends, keeps a second one out.
//! 2. The engine gets the store as its `Store`. Calls that write go to one thread, which
//!    writes all that wait in one batch; calls that read run beside it, and never see a
//!    batch that is not durable yet.
//! 3. [`close`](matrix_bridge_core::StateStore::close) waits for what runs; dropping the
//!    store does the same.
//! 4. [`SledConfig::open_for_copy`] opens a store for moving house.
//!
//! The folder is for its owner only. A copy of it, and of all that is in it, is a backup
//! if no engine runs meanwhile.
//!
//! # How it is kept
//!
//! One tree with ordered keys, a table per first byte; records are JSON, and orders are
//! keys of their own. A call reads through what the calls of its group have changed, and
//! all changes of a group are one `sled::Batch`, which is there in full after a crash or
//! not at all. Long records are cut into pieces, for sled keeps long values outside of
//! its log, in files that it never syncs.
//!
//! What an engine calls again and again (claims, settlements, counts, pruning) takes as
//! long with a hundred thousand rows as with a hundred.
//!
//! [sled]: https://docs.rs/sled/0.34

mod config;
mod contents;
mod fault;
mod open;
mod outbox;
mod queue;
mod state;
mod store;
mod tables;
mod tree;
mod writer;

pub use self::{
    config::SledConfig,
    open::OpenError,
    store::{SledStore, WriterStats},
};
