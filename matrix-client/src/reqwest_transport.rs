//! Requests over real sockets.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::{Response, redirect};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::{Limits, Transport, TransportError, limits::MAX_ERROR};

/// Requests over real sockets, with TLS checked against the system's certificates.
#[derive(Clone, Debug)]
pub struct ReqwestTransport(reqwest::Client);

/// Why no transport could be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up; are the system's root certificates installed?")]
pub struct TransportSetupError(#[source] crate::BoxError);

impl ReqwestTransport {
    /// A transport for a homeserver at `base_url`.
    ///
    /// # Errors
    ///
    /// When TLS is needed and the system has no usable root certificates.
    pub fn new(base_url: &str) -> Result<Self, TransportSetupError> {
        let setup = |error: crate::BoxError| TransportSetupError(error);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(error.into()))?;
        let tls = if base_url.starts_with("http://") {
            // Nothing to verify, and nothing that a machine without certificates lacks.
            builder
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth()
        } else {
            builder
                .with_platform_verifier()
                .map_err(|error| setup(error.into()))?
                .with_no_client_auth()
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // The token must not follow a redirect to somebody else.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| setup(error.into()))?;
        Ok(Self(client))
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let exchange = async {
            let request = request.try_into().map_err(failed)?;
            let response = self.0.execute(request).await.map_err(failed)?;
            read(response, limits.max_response).await
        };
        match tokio::time::timeout(limits.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(TransportError::Timeout(limits.timeout)),
        }
    }
}

/// Memory is taken in advance up to this size.
const LARGE: usize = 16 * 1024 * 1024;

/// The whole answer, as long as it is not longer than `max` bytes.
async fn read(mut response: Response, max: usize) -> Result<http::Response<Bytes>, TransportError> {
    let is_success = response.status().is_success();
    let max = if is_success { max } else { MAX_ERROR };
    // A server that announces more than it may send gets no memory for it.
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    let mut body = BytesMut::with_capacity(announced.min(max).min(LARGE));
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > max {
            if is_success {
                return Err(TransportError::TooLarge(max));
            }
            break;
        }
        body.extend_from_slice(&chunk);
    }
    let mut whole = http::Response::new(body.freeze());
    *whole.status_mut() = response.status();
    std::mem::swap(whole.headers_mut(), response.headers_mut());
    Ok(whole)
}

fn failed(error: reqwest::Error) -> TransportError {
    // The URL may hold what does not belong in a log.
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        TransportError::Connect(error.into())
    } else {
        TransportError::Cut(error.into())
    }
}
