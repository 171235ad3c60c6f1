//! A pinned Synapse on a free loopback port, for tests against a real homeserver.
//!
//! 1. [`PythonEnvironment::prepare`] installs it, once.
//! 2. [`Synapse::start`] runs one, with a database of its own; [`Synapse::stop`] ends it, and so does dropping
//!    it, or any death of the process that started it.
//! 3. [`Synapse::register`] makes users; [`Synapse::requests`] says what was asked of it.
//! 4. A whole test run shares one through [`SharedSynapse`]; a test that kills the server or sets limits
//!    starts its own.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use matrix_bridge_testkit::python::PythonEnvironment;
//! use matrix_bridge_testkit::synapse::{Synapse, SynapseConfig};
//!
//! let python = PythonEnvironment::prepare("target/testkit", |line| eprintln!("{line}")).await?;
//! let mut synapse = Synapse::start(SynapseConfig::new(&python, "target/testkit/mine")).await?;
//! let bot = synapse.register("bot", "secret").await?;
//! println!("{} has the token {}", bot.user_id, bot.access_token);
//! synapse.stop().await?;
//! # Ok(())
//! # }
//! ```

mod access_log;
mod account;
mod config;
mod error;
mod files;
mod http;
mod process;
mod server;
mod shared;

pub use access_log::AccessLogLine;
pub use account::Account;
pub use config::{RateLimits, SynapseConfig};
pub use error::SynapseError;
pub use server::Synapse;
pub use shared::SharedSynapse;

#[cfg(doc)]
use crate::python::PythonEnvironment;
