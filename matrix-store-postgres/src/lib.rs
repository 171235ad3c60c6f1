//! The PostgreSQL store of matrix-bridge: many processes on one database.
//!
//! 1. [`PostgresStore::open`] connects, makes or upgrades the tables in a PostgreSQL
//!    schema of their own, and joins the processes that work on them.
//! 2. Each process runs an engine on its store. One of them follows an account's rooms, as
//!    long as it renews its lease; all of them send.
//! 3. [`close`](matrix_bridge_core::StateStore::close) leaves in order; who is killed is
//!    found to be gone, and others go on with what it was at.
//!
//! # Many processes
//!
//! - **One takes in.** Whoever has the account's lease. A commit of a process that lost it
//!   is refused, also one that was on its way: the lease's number is checked and held in
//!   the same transaction.
//! - **All send.** A lane is claimed by one process at a time, with the lane's row locked:
//!   its order holds across processes. What a process settles after others took its claim
//!   over is refused.
//! - **Who is gone is replaced.** Within [`takeover`](PostgresConfig::takeover) its claims
//!   are free, and within [`Settings::lease_ttl`](matrix_bridge_core::Settings::lease_ttl)
//!   its account. Whether time is up is a question to the database's clock: those of the
//!   processes may differ. A row's own due time goes by the clock of who wrote it.
//! - **Rows that a process enqueues are told to the others** (`NOTIFY`), who otherwise
//!   find them by looking every few seconds.
//! - **Limits of the homeserver** are learned by each process for itself.
//!
//! # What survives what
//!
//! What a call reported was committed, with `synchronous_commit` on: it survives whatever
//! the server's settings promise. When the server restarts or a connection breaks, a call
//! fails as unavailable, and as unknown if it was just committing; the next one takes
//! another connection. So does a call for which there is no connection in time, or that
//! takes longer than [`call_timeout`](PostgresConfig::call_timeout).
//!
//! # PgBouncer
//!
//! Use a direct connection, or PgBouncer in session mode. In transaction mode it hands
//! each transaction another connection of the server's, and what we count on is bound to
//! one: the search path and the time limits that we set when we connect (PgBouncer refuses
//! those at once, unless told to ignore `options`), prepared statements, and `LISTEN`.
//! Ten connections per process, the default, are few for a server; a pool within the
//! process does what PgBouncer would.
//!
//! # Tables
//!
//! Everything is in one PostgreSQL schema, `matrix_bridge` by default; nothing outside is
//! touched. Backups are the server's own. The user needs the right to make the schema, or
//! to make tables in one that is there. Upgrades run when a store is opened, one process
//! at a time; stop older versions before. Texts are readable with `psql`, but for a NUL in
//! them, which is stored as `␀0`. JSON is kept as bytes: `convert_from(raw, 'UTF8')`.

mod config;
mod contents;
mod fault;
mod fields;
mod listen;
mod open;
mod outbox;
mod pool;
mod queue;
mod session;
mod state;
mod store;
mod tables;
mod text;
mod worker;

pub use self::{
    config::{LeaseClock, PostgresConfig},
    open::OpenError,
    store::PostgresStore,
};
