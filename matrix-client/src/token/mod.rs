//! Where an account's access token comes from, at first and when it is refused.

mod error;
mod file;
mod keeper;
mod session;
mod text_file;

use std::{fmt, future::pending, sync::Arc};

use async_trait::async_trait;
use matrix_bridge_core::Clock;
use secrecy::{ExposeSecret, SecretString};

use crate::Homeserver;

pub(crate) use self::{error::Fault, keeper::Tokens};
pub use self::{error::TokenError, file::FileToken, session::SessionFile};

/// Gives a [`Client`](crate::Client) its access token, and another one when the
/// homeserver refuses the present one.
///
/// A [`SecretString`] is one token and no other. [`FileToken`] reads a file again,
/// [`SessionFile`] refreshes; a host that gets its tokens elsewhere implements this
/// itself.
///
/// # Contract
///
/// - One call of [`token`](Self::token) is under way at a time, and it is given up after
///   90 seconds: it may be dropped at any `await`.
/// - A token that was refused for good is not asked for again within 20 seconds, unless
///   [`changed`](Self::changed) says that there may be another.
/// - Nothing is sent with a token before it was returned. What must survive a crash, such
///   as a refresh token, is made durable before that.
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// The token as it stands; after the homeserver `refused` one, another one.
    ///
    /// # Errors
    ///
    /// [`TokenError`] when there is none, or no other one.
    async fn token(
        &self,
        refused: Option<&SecretString>,
        homeserver: &Homeserver,
    ) -> Result<SecretString, TokenError>;

    /// Waits until there may be another token than the last that was given; for ever
    /// where that cannot be known. It may be dropped while it waits.
    async fn changed(&self, clock: &dyn Clock);
}

/// One token, and no other.
#[async_trait]
impl TokenSource for SecretString {
    async fn token(&self, refused: Option<&Self>, _: &Homeserver) -> Result<Self, TokenError> {
        match refused {
            None => Ok(self.clone()),
            Some(_) => Err(TokenError::new(
                "there is no other access token: hand one over with `Client::set_token`, or \
                 start again with one",
            )),
        }
    }

    async fn changed(&self, _: &dyn Clock) {
        pending::<()>().await;
    }
}

#[async_trait]
impl<T: TokenSource + ?Sized> TokenSource for Arc<T> {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        homeserver: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        (**self).token(refused, homeserver).await
    }

    async fn changed(&self, clock: &dyn Clock) {
        (**self).changed(clock).await;
    }
}

/// Reads an access token from text, without the space around it.
///
/// # Errors
///
/// When nothing is left, or when it would not fit into a header.
pub fn access_token(text: &str) -> Result<SecretString, TokenError> {
    let token = text.trim();
    if token.is_empty() {
        return Err(TokenError::new("nothing in it"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::new(
            "spaces or other characters that no token has",
        ));
    }
    Ok(token.into())
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
