//! The baseline's client: `reqwest`, and nothing of ours.

use std::sync::Arc;

use axum::http::Method;

use crate::Result;

/// What the bot's requests carry too.
pub(crate) const TOKEN: &str = "a_token_of_the_usual_length_for_one";

/// A client that keeps its connections, set up like ours.
#[derive(Clone)]
pub(crate) struct Plain(reqwest::Client);

impl Plain {
    pub(crate) fn new() -> Result<Self> {
        // Nothing here uses TLS; a client cannot be had without.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
        Ok(Self(client.build()?))
    }

    /// Makes a request and reads the answer to its end.
    pub(crate) async fn exchange(&self, method: Method, url: &str, body: String) -> Result<()> {
        let mut request = self.0.request(method, url).bearer_auth(TOKEN);
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let mut response = request.send().await?.error_for_status()?;
        while response.chunk().await?.is_some() {}
        Ok(())
    }
}
