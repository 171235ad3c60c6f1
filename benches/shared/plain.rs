//! The baseline's client: `reqwest`, and nothing of ours.

use std::sync::Arc;

use axum::body::Bytes;

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

    /// Gets a body and drops it as it comes.
    pub(crate) async fn drain(&self, url: &str) -> Result<()> {
        let response = self.0.get(url).bearer_auth(TOKEN).send().await?;
        let mut response = response.error_for_status()?;
        while response.chunk().await?.is_some() {}
        Ok(())
    }

    /// Gets a body, in one piece.
    pub(crate) async fn get(&self, url: &str) -> Result<Bytes> {
        let response = self.0.get(url).bearer_auth(TOKEN).send().await?;
        Ok(response.error_for_status()?.bytes().await?)
    }

    /// Puts a body, and reads the answer to its end.
    pub(crate) async fn put(&self, url: &str, body: String) -> Result<()> {
        let request = self.0.put(url).bearer_auth(TOKEN);
        let request = request.header("content-type", "application/json");
        let response = request.body(body).send().await?;
        response.error_for_status()?.bytes().await?;
        Ok(())
    }
}
