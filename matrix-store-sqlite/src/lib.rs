//! The SQLite store of matrix-bridge.
//!
//! 1. [`SqliteStore::open`] takes the file for one *engine*: an OS lock on
//!    `<path>.lock`, freed with the process however it ends, keeps a second one out.
//! 2. The engine gets the store as its `Store`. Calls that write go to one thread, which
//!    writes all that wait in one transaction; calls that read run beside it.
//! 3. [`SqliteConfig::open_reader`] opens the same file beside the running engine, for
//!    reports and for what a person does about parked rows and events.
//! 4. [`close`](matrix_bridge_core::StateStore::close) waits for what runs and leaves one
//!    file; dropping the store does the same.
//!
//! # What survives what
//!
//! The file has a write-ahead journal (`-wal`, `-shm` beside it) and is synced on every
//! commit, so what a call reported survives a crash of the process and a loss of power,
//! and what it did not report is there in full or not at all. With
//! [`Synchronous::Normal`] a loss of power may take the last commits.
//!
//! A full disk or a busy file fails the call as unavailable: nothing was written, and it
//! may be tried again. When the disk fails in the middle of a commit the outcome is
//! unknown; the store then closes itself, because after a failed sync later ones may
//! report success for data that is lost. Open it anew and read what stands.
//!
//! Do not put the file on a network file system.
//!
//! # Backups
//!
//! [`SqliteStore::back_up`] copies the store while its engine works, from within or from
//! another process. A copy of the file by other means is one only while no engine runs,
//! and with its `-wal`.
//!
//! To restore one, stop the engine, move the file and its `-wal` and `-shm` away, put the
//! backup there under the file's name, and start. The engine goes on from the position of
//! that time: what was said since comes again with the next sync, and what was answered
//! since is recognized by its transaction ids or found in the rooms, and not said twice.
//!
//! # Moving to another store
//!
//! [`SqliteConfig::open_for_copy`] opens the file for [`copy`](matrix_bridge_core::copy),
//! from it or into it, with the engine's lock: no engine runs meanwhile. A file into which
//! a copy was not finished is opened by nobody else ([`OpenError::UnfinishedCopy`]); run
//! the copy again, which starts over, or delete the file.
//!
//! # What a call costs
//!
//! What an engine calls again and again (claims, settlements, counts, pruning) takes as
//! long with a hundred thousand rows as with a hundred. Opening reads all marks.
//!
//! # What is kept
//!
//! The file and its journals are readable for their owner only. Sent rows
//! stay as records until they are pruned, and so do parked rows, but those that block
//! their lane. Marks are kept as digests, 20 bytes each in
//! the file and about 30 in memory.

mod backup;
mod config;
mod connection;
mod contents;
mod fault;
mod fields;
mod json;
mod marks;
mod open;
mod outbox;
mod queue;
mod readers;
mod state;
mod store;
mod tables;
mod writer;

pub use self::{
    backup::BackupError,
    config::{SqliteConfig, Synchronous},
    open::OpenError,
    store::{SqliteStore, WriterStats},
};
