//! The PostgreSQL store against a real server.

#![cfg(test)]

mod conformance;
mod copying;
mod crash;
mod opening;
mod place;
mod processes;
mod sample;
#[cfg(feature = "rustls")]
mod tls;
mod trouble;
