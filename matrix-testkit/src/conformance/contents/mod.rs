//! What every store that can be copied must do, as a suite like that of
//! [stores](crate::conformance).
//!
//! 1. Say how a store is opened for copying: a [`CopyFactory`].
//! 2. Name the cases as tests: [`copy_conformance!`](crate::copy_conformance).
//!
//! ```
//! use std::sync::Arc;
//!
//! use matrix_bridge_core::{Contents, Store};
//! use matrix_bridge_testkit::{
//!     conformance::{InMemory, StoreFactory, contents::CopyFactory},
//!     copy_conformance,
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
//! #[async_trait::async_trait]
//! impl CopyFactory for Mine {
//!     async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents> {
//!         self.0.open_for_copy(name).await
//!     }
//!
//!     async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>> {
//!         self.0.open_unfinished(name).await
//!     }
//! }
//!
//! copy_conformance!(Mine::default());
//! ```
//!
//! The cases copy from a store of the factory into another of it. Since every store gives
//! and takes the same records, what holds there holds between two kinds of store.

mod factory;
mod list;
mod scene;

pub mod history;
pub mod numbers;
pub mod received;
pub mod rows;
pub mod unfinished;
pub mod whole;

pub use self::{
    factory::CopyFactory,
    list::{COPY_CASES, CopyCase, failing_copy_cases},
};
