//! What every store must do, as a suite of cases that anybody can run on theirs.
//!
//! 1. Say how a store is opened: a [`StoreFactory`].
//! 2. Name the cases as tests: [`store_conformance!`](crate::store_conformance).
//!
//! ```
//! use std::sync::Arc;
//!
//! use matrix_bridge_core::Store;
//! use matrix_bridge_testkit::{
//!     conformance::{InMemory, StoreFactory},
//!     store_conformance,
//! };
//!
//! /// A store of your own would keep a folder here, and open the file `name` in it.
//! #[derive(Debug, Default)]
//! struct Mine(InMemory);
//!
//! #[async_trait::async_trait]
//! impl StoreFactory for Mine {
//!     async fn open(&self, name: &str) -> Arc<dyn Store> {
//!         self.0.open(name).await
//!     }
//! }
//!
//! store_conformance!(Mine::default());
//! ```
//!
//! Each case is a plain function, so that one of them can also be called alone. That the
//! suite finds what it is for is tested with stores that are [wrong on
//! purpose](crate::broken).

mod checked;
mod factory;
mod list;
mod sample;

pub mod at_once;
pub mod beside;
pub mod block;
pub mod claim;
pub mod commit;
pub mod concurrent;
pub mod contents;
pub mod durable;
pub mod enqueue;
pub mod expiry;
pub mod gap;
pub mod hostile;
pub mod inbox;
pub mod lease;
pub mod limit;
pub mod mark;
pub mod outcome;
pub mod parked;
pub mod person;
pub mod prune;
pub mod race;
pub mod random;
pub mod replace;
pub mod room;
pub mod settle;
pub mod turn;
pub mod value;

pub use self::{
    factory::{InMemory, StoreFactory},
    list::{CASES, Case, CaseFuture, failing_cases},
    sample::full_batch,
};
