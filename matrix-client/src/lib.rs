//! The homeserver's client API for matrix-bridge.
//!
//! 1. [`Client::connect`] finds out which versions the homeserver speaks and whose
//!    token it was given.
//! 2. [`Bot::new`] puts a client, a store and a handler together.
//! 3. [`Bot::run`] follows the account's rooms until it is told to stop.
//!
//! [`SyncSource`] and [`ClientSender`] are the two ends that a bot plugs into
//! `matrix_bridge_core::Engine`; a host with an engine of its own uses them directly.
//! Where the access token comes from, and the next one when it runs out, is the matter of
//! a [`TokenSource`].
//! Every request goes through a [`Transport`], so that tests need no socket.

mod bot;
mod client;
mod error;
mod history;
mod homeserver;
mod limits;
mod reqwest_transport;
mod retry_after;
mod sender;
mod sync;
mod sync_body;
mod system;
mod token;
mod transport;

pub use secrecy::SecretString;

pub use self::{
    bot::Bot,
    client::{Client, ConnectError, WhoAmI},
    error::{ApiError, ClientError},
    history::ClientHistory,
    homeserver::Homeserver,
    reqwest_transport::{ReqwestTransport, TransportSetupError},
    sender::ClientSender,
    sync::{SyncSettings, SyncSource},
    system::{SystemClock, SystemRandom},
    token::{FileToken, SessionFile, TokenError, TokenSource, access_token},
    transport::{BoxError, Limits, Transport, TransportError},
};
