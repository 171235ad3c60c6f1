//! The PostgreSQL store against a real server.

#![cfg(test)]

mod conformance;
mod copying;
mod crash;
mod opening;
mod place;
mod processes;
mod sample;
mod trouble;
