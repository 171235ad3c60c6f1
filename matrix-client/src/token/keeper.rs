//! The present token of a client, and how it is replaced.

use std::{fmt, sync::Arc, time::Duration};

use matrix_bridge_core::{Identity, Timestamp};
use secrecy::SecretString;
use tokio::sync::{Mutex, watch};

use super::{TokenError, TokenSource, is_same};
use crate::{ApiError, ClientError, Homeserver, WhoAmI};

/// A source that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(90);

/// After a failure the source is not asked again for so long.
const AGAIN: Duration = Duration::from_secs(20);
/// The same, if it may help to ask again.
const AGAIN_IF_AWAY: Duration = Duration::from_secs(5);

/// The token that is in use.
pub(crate) struct Present {
    /// Which it is, counted from the first.
    number: u64,
    pub(crate) token: SecretString,
}

/// What an account's requests are made with.
pub(crate) struct Tokens {
    source: Arc<dyn TokenSource>,
    homeserver: Homeserver,
    identity: Identity,
    present: watch::Sender<Arc<Present>>,
    /// Held while a token is looked for: one search at a time.
    search: Mutex<Option<Failure>>,
}

/// The last search found nothing.
struct Failure {
    at: Timestamp,
    error: TokenError,
}

impl Tokens {
    /// Finds the first token that works, and whose it is.
    pub(crate) async fn first(
        source: Arc<dyn TokenSource>,
        homeserver: Homeserver,
    ) -> Result<Self, ClientError> {
        let token = ask(&*source, None, &homeserver).await?;
        let (token, who) = proven(&*source, token, &homeserver).await?;
        let WhoAmI { user, device } = who;
        let present = Present { number: 1, token };
        Ok(Self {
            source,
            homeserver,
            identity: Identity { user, device },
            present: watch::Sender::new(Arc::new(present)),
            search: Mutex::default(),
        })
    }

    pub(crate) fn homeserver(&self) -> &Homeserver {
        &self.homeserver
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn source(&self) -> &dyn TokenSource {
        &*self.source
    }

    pub(crate) fn present(&self) -> Arc<Present> {
        self.present.borrow().clone()
    }

    /// Tells of every new token.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Present>> {
        self.present.subscribe()
    }

    /// The token to go on with after `used` was refused.
    pub(crate) async fn after_refusal(&self, used: &Present) -> Result<Arc<Present>, TokenError> {
        let mut search = self.search.lock().await;
        let present = self.present();
        if present.number != used.number {
            // Somebody was quicker.
            return Ok(present);
        }
        let now = self.homeserver.now();
        if let Some(failure) = search.as_ref().filter(|failure| failure.holds(now)) {
            return Err(failure.error.clone());
        }
        match self.other(&used.token).await {
            Ok(token) => {
                *search = None;
                Ok(self.put(token))
            }
            Err(error) => {
                *search = Some(Failure {
                    at: self.homeserver.now(),
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }

    /// Uses the source's token as it stands, if it is another one.
    pub(crate) async fn take_up(&self) -> Result<(), TokenError> {
        let mut search = self.search.lock().await;
        let token = ask(&*self.source, None, &self.homeserver).await?;
        if !is_same(&token, &self.present().token) {
            let token = self.fit(token).await?;
            *search = None;
            self.put(token);
        }
        Ok(())
    }

    /// Uses `token` from now on.
    pub(crate) async fn set(&self, token: SecretString) -> Result<(), TokenError> {
        let mut search = self.search.lock().await;
        let who = self.homeserver.who_is(&token).await.map_err(unchecked)?;
        self.check(&who)?;
        *search = None;
        self.put(token);
        Ok(())
    }

    async fn other(&self, refused: &SecretString) -> Result<SecretString, TokenError> {
        let token = ask(&*self.source, Some(refused), &self.homeserver).await?;
        if is_same(refused, &token) {
            return Err(TokenError::new(
                "the refused access token is the only one: log in again with the same device id",
            ));
        }
        self.fit(token).await
    }

    /// `token`, or the one after it, once it is sure that it works and is ours.
    async fn fit(&self, token: SecretString) -> Result<SecretString, TokenError> {
        let proven = proven(&*self.source, token, &self.homeserver).await;
        let (token, who) = proven.map_err(|error| match error {
            ClientError::Token { refusal: _, source } => source,
            error => unchecked(error),
        })?;
        self.check(&who)?;
        Ok(token)
    }

    /// Only the same user on the same device: transaction ids are remembered by device,
    /// and a row that was sent with another would be sent again.
    fn check(&self, who: &WhoAmI) -> Result<(), TokenError> {
        let Identity { user, device } = &self.identity;
        if who.user != *user {
            let found = &who.user;
            return Err(TokenError::new(format!(
                "the new access token belongs to {found} and is not used: log in as {user}"
            )));
        }
        if device.is_some() && who.device != *device {
            let text = |device: &Option<_>| match device {
                Some(device) => format!("the device {device}"),
                None => "no device".to_owned(),
            };
            let (new, old) = (text(&who.device), text(device));
            return Err(TokenError::new(format!(
                "the new access token has {new}, the old one {old}: it is not used, since \
                 messages could be sent twice; log in again with that device id"
            )));
        }
        Ok(())
    }

    fn put(&self, token: SecretString) -> Arc<Present> {
        let number = self.present.borrow().number + 1;
        let present = Arc::new(Present { number, token });
        self.present.send_replace(present.clone());
        present
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Failure {
    /// The clock may jump, also backwards.
    fn holds(&self, now: Timestamp) -> bool {
        let again = if self.error.is_retryable() {
            AGAIN_IF_AWAY
        } else {
            AGAIN
        };
        self.at <= now && now.since(self.at) < again
    }
}

async fn ask(
    source: &dyn TokenSource,
    refused: Option<&SecretString>,
    homeserver: &Homeserver,
) -> Result<SecretString, TokenError> {
    tokio::select! {
        biased;
        token = source.token(refused, homeserver) => token,
        () = homeserver.clock().sleep(PATIENCE) => Err(TokenError::unavailable(format!(
            "where the access token comes from gave no answer within {PATIENCE:?}"
        ))),
    }
}

/// `token`, or the one after it if it is refused, and whose it is.
async fn proven(
    source: &dyn TokenSource,
    token: SecretString,
    homeserver: &Homeserver,
) -> Result<(SecretString, WhoAmI), ClientError> {
    let refusal = match homeserver.who_is(&token).await {
        Err(ClientError::Api(refusal)) if refusal.is_of_token() => refusal,
        who => return who.map(|who| (token, who)),
    };
    let next = ask(source, Some(&token), homeserver).await;
    let token = next.map_err(|source| ClientError::Token {
        refusal: Some(refusal),
        source,
    })?;
    let who = homeserver.who_is(&token).await?;
    Ok((token, who))
}

fn unchecked(error: ClientError) -> TokenError {
    let is_refused = error.api().is_some_and(ApiError::is_of_token);
    let message = if is_refused {
        "the homeserver refuses the new access token too: log in again with the same device id"
    } else {
        "the new access token cannot be checked"
    };
    TokenError::from_request(message, error)
}
