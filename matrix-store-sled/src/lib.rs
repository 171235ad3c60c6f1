//! The sled store of matrix-bridge.

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
