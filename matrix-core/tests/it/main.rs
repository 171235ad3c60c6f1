//! The core as the outside sees it.

mod memory_store;
