//! The core as the outside sees it.

mod broken_stores;
mod memory_store;
