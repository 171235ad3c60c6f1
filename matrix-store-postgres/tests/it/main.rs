//! The PostgreSQL store against a real server.

mod conformance;
mod place;
