//! The bot's access token, where its host keeps it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use matrix_bridge_client::{Homeserver, SecretString, TokenError, TokenSource};
use matrix_bridge_core::Clock;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

/// The place where the token is kept.
pub(crate) struct Token(watch::Sender<String>);

impl Token {
    pub(crate) fn new(token: String) -> Self {
        Self(watch::Sender::new(token))
    }

    pub(crate) fn get(&self) -> String {
        self.0.borrow().clone()
    }

    pub(crate) fn set(&self, token: String) {
        self.0.send_replace(token);
    }

    /// The place as a process reads it.
    pub(crate) fn source(&self) -> OwnToken {
        OwnToken {
            place: self.0.subscribe(),
            given: Mutex::default(),
        }
    }
}

/// Gives a process the token, and the next one when it is put there.
pub(crate) struct OwnToken {
    place: watch::Receiver<String>,
    /// The last that was given.
    given: Mutex<String>,
}

#[async_trait]
impl TokenSource for OwnToken {
    async fn token(
        &self,
        refused: Option<&SecretString>,
        _: &Homeserver,
    ) -> Result<SecretString, TokenError> {
        let token = self.place.borrow().clone();
        if refused.is_some_and(|refused| refused.expose_secret() == token) {
            return Err(TokenError::new("nobody has put another one there yet"));
        }
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        Ok(token.into())
    }

    async fn changed(&self, _: &dyn Clock) {
        let given = self
            .given
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut place = self.place.clone();
        if place.wait_for(|token| *token != given).await.is_err() {
            // The day is over.
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnToken").finish_non_exhaustive()
    }
}
