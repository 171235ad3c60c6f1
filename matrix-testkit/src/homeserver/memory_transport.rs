//! The front without a socket.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use matrix_bridge_client::{Limits, Transport, TransportError};

use super::{handle::TestHomeserver, outcome::Answer};

/// Carries requests straight into a [`TestHomeserver`], in tokio's time.
///
/// The host of a request's URI does not count.
#[derive(Clone, Debug)]
pub struct MemoryTransport {
    server: TestHomeserver,
}

impl MemoryTransport {
    pub(crate) const fn new(server: TestHomeserver) -> Self {
        Self { server }
    }

    /// The server at the other end.
    #[must_use]
    pub const fn server(&self) -> &TestHomeserver {
        &self.server
    }

    async fn exchange(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        match self.server.exchange(request).await {
            Answer::Whole(response) => Ok(response),
            Answer::Torn(_) => Err(TransportError::Cut("cut within the body".into())),
            Answer::Cut => Err(TransportError::Cut("cut before the answer".into())),
            Answer::Refused => Err(TransportError::Connect("connection refused".into())),
            Answer::Silence => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let response = tokio::time::timeout(limits.timeout, self.exchange(&request))
            .await
            .map_err(|_| TransportError::Timeout(limits.timeout))??;
        if response.body().len() > limits.max_response {
            return Err(TransportError::TooLarge(limits.max_response));
        }
        Ok(response)
    }
}
