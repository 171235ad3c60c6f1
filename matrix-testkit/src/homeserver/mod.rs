//! A Matrix homeserver inside the test's own process.
//!
//! 1. Start a [`TestHomeserver`] and give it users and rooms.
//! 2. Let the code under test talk to it: in virtual time and without a socket through
//!    [`TestHomeserver::transport`], or over loopback through [`TestHomeserver::serve`].
//! 3. Script [`Fault`]s: cut connections before or after the server acted, refusals in
//!    all their forms, silence, repeated, reversed or limited syncs.
//! 4. Act as the people in the rooms ([`TestHomeserver::send_text`],
//!    [`TestHomeserver::invite`], ...), wait without sleeping
//!    ([`TestHomeserver::wait_for`]), and ask what has become of it
//!    ([`TestHomeserver::timeline`], [`TestHomeserver::requests`],
//!    [`TestHomeserver::writes`], [`TestHomeserver::events_under`]).
//!
//! Underneath lies [`Homeserver`], a state machine without clock, socket, thread or
//! chance: one seed of requests gives one history.
//!
//! # A lost answer
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use matrix_bridge_client::{Limits, Transport as _, TransportError};
//! use matrix_bridge_testkit::homeserver::{Endpoint, Fault, TestHomeserver};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let server = TestHomeserver::new();
//! let alice = server.register("alice");
//! let room = server.create_room(&alice.user_id);
//! server.fault(Fault::cut_after_acting().on(Endpoint::Send));
//!
//! let send = || {
//!     http::Request::put(format!(
//!         "https://testkit.local/_matrix/client/v3/rooms/{room}/send/m.room.message/txn1"
//!     ))
//!     .header("Authorization", format!("Bearer {}", alice.access_token))
//!     .body(Bytes::from_static(br#"{"msgtype":"m.text","body":"hello"}"#))
//!     .unwrap()
//! };
//! let limits = Limits { timeout: Duration::from_secs(10), max_response: 1 << 20 };
//! let transport = server.transport();
//! let lost = transport.send(send(), limits).await;
//! let again = transport.send(send(), limits).await.unwrap();
//!
//! assert!(matches!(lost, Err(TransportError::Cut(_))));
//! assert_eq!(again.status(), 200);
//! // The server remembers the transaction id: there is one message, not two.
//! assert_eq!(server.events_under("txn1"), 1);
//! # }
//! ```
//!
//! # How true it is
//!
//! Where Synapse and the specification differ, this server does what was measured on
//! Synapse. Among that: transaction ids are remembered for a day with a device and for
//! half an hour without, whatever the event type; one bucket limits all writes of a
//! user; a page of history has an `end` until a page is empty; a sync token from the
//! future is taken as the newest; state sent as a message is answered with 500. Each such
//! quirk is a test that runs on this server and on a Synapse alike. It does not federate,
//! encrypt, resolve state, or check signatures; every device of a user gets every
//! to-device message.

mod access;
mod account;
mod actions;
mod auth;
mod backup;
mod call;
mod canned;
mod clock;
mod config;
mod create_room;
mod directory;
mod drive;
mod endpoint;
mod ephemeral;
mod errors;
mod event;
mod fault;
mod filter;
mod handle;
mod ids;
mod json_check;
mod limiter;
mod limits;
mod media;
mod membership;
mod memory_transport;
mod messages;
mod outcome;
mod profile;
mod queries;
mod refresh;
mod relations;
mod reply;
mod request_log;
mod room;
mod route;
mod script;
mod send;
mod socket;
mod state;
mod stream_token;
mod sync;
mod sync_cache;
mod sync_room;
mod timeline;
mod transactions;
mod upgrade;
mod visibility;

pub use self::{
    backup::Backup,
    canned::RateLimitForm,
    config::{HomeserverConfig, LimitClass, RateLimit},
    endpoint::Endpoint,
    fault::Fault,
    handle::{Account, NotReached, TestHomeserver},
    memory_transport::MemoryTransport,
    outcome::{Answer, Outcome, Waiting},
    queries::TimelineEvent,
    request_log::RequestRecord,
    room::Membership,
    socket::HomeserverSocket,
    state::Homeserver,
};
