//! The testkit's own tests.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod client;
mod homeserver_accounts;
mod homeserver_ephemeral;
mod homeserver_faults;
mod homeserver_handle;
mod homeserver_history;
mod homeserver_limits;
mod homeserver_media;
mod homeserver_relations;
mod homeserver_rooms;
mod homeserver_sending;
mod homeserver_socket;
mod homeserver_state;
mod homeserver_sync;
mod homeserver_sync_faults;
mod quirks;
