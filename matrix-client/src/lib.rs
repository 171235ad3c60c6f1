//! The homeserver's client API.

mod transport;

pub use self::transport::{BoxError, Limits, Transport, TransportError};
