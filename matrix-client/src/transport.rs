//! How requests reach a homeserver: one trait, so that tests need no socket.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

/// Carries one request to the homeserver and its answer back.
///
/// # Contract
///
/// - One call is one attempt: nothing is retried and no redirect is followed.
/// - Any HTTP status is an `Ok`; an error means that no whole answer came.
/// - No more than [`Limits::max_response`] bytes of a body, after decompression,
///   are held in memory.
/// - The call ends within [`Limits::timeout`].
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no whole answer came; the homeserver may have acted
    /// all the same, except after [`TransportError::Connect`].
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError>;
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// From the first byte sent to the last byte received.
    pub timeout: Duration,
    /// The longest body that is accepted, in bytes after decompression.
    pub max_response: usize,
}

/// Why no whole answer came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The homeserver was not reached: it saw nothing of the request.
    #[error("the homeserver could not be reached")]
    Connect(#[source] BoxError),
    /// The connection ended in the middle; the homeserver may have acted.
    #[error("the connection to the homeserver was cut")]
    Cut(#[source] BoxError),
    /// No answer within [`Limits::timeout`]; the homeserver may have acted.
    #[error("the homeserver did not answer within {0:?}")]
    Timeout(Duration),
    /// The body was longer than [`Limits::max_response`].
    #[error("the homeserver's answer is longer than {0} bytes")]
    TooLarge(usize),
}

/// A cause of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
