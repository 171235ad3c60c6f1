//! A PostgreSQL on a free loopback port, for tests against a real database.
//!
//! 1. [`Binaries::find`] finds the server of this machine, or installs one from PyPI.
//! 2. [`Postgres::start`] runs one in a folder of its own; [`Postgres::stop`] ends it, and so does dropping it,
//!    or any death of the process that started it.
//! 3. A whole test run shares one through [`SharedPostgres`]; a test that kills the server starts its own.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use matrix_bridge_testkit::postgres::{Binaries, Postgres, PostgresConfig};
//!
//! let binaries = Binaries::find("target/testkit", |line| eprintln!("{line}")).await?;
//! let mut postgres = Postgres::start(PostgresConfig::new(&binaries, "target/testkit/mine")).await?;
//! println!("{}", postgres.url());
//! postgres.stop().await?;
//! # Ok(())
//! # }
//! ```

mod binaries;
mod config;
mod error;
mod process;
mod server;
mod shared;

pub use binaries::Binaries;
pub use config::PostgresConfig;
pub use error::PostgresError;
pub use server::Postgres;
pub use shared::SharedPostgres;
