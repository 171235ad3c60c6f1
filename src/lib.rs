//! Live in Matrix from inside your service.
//!
//! This crate holds nothing of its own: it brings together the crates of the family,
//! by feature.
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `client` | yes | `Bot`, `Client` and the homeserver's client API |
//! | `sqlite` | yes | `SqliteStore` |
//! | `postgres` | no | `PostgresStore` |
//! | `sled` | no | `SledStore`, in Rust alone; experimental |
//! | `backoff` | no | `RetryPolicy` for `backoff::ExponentialBackoff` |
//!
//! Start with `Bot`; what a handler sees and returns is in [`Event`] and [`Effects`],
//! what a bot may do where in [`Policy`], how it is in [`Health`].

pub use matrix_bridge_core::*;

#[cfg(feature = "client")]
pub use matrix_bridge_client::*;

#[cfg(feature = "sqlite")]
pub use matrix_bridge_store_sqlite::{
    BackupError, OpenError, SqliteConfig, SqliteStore, Synchronous,
};

#[cfg(feature = "postgres")]
pub use matrix_bridge_store_postgres::{
    LeaseClock, OpenError as PostgresOpenError, PostgresConfig, PostgresStore,
};

#[cfg(feature = "sled")]
pub use matrix_bridge_store_sled::{OpenError as SledOpenError, SledConfig, SledStore};

/// The README's example, compiled.
#[cfg(all(doctest, feature = "client", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
