//! The account at the homeserver.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use matrix_bridge_core::{
    Clock, EngineHandle, Identity, Status, chain,
    ruma::{
        OwnedDeviceId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId,
        api::{
            OutgoingRequest, SupportedVersions,
            auth_scheme::{AuthScheme, SendAccessToken},
            path_builder::PathBuilder,
        },
    },
};
use ruma::api::client::alias::get_alias;
use secrecy::SecretString;

use crate::{
    ClientError, Homeserver, Limits, ReqwestTransport, SystemClock, TokenError, TokenSource,
    Transport, TransportSetupError, homeserver::read, limits, token::Tokens,
};

/// The reason in the health while a new token is not taken.
const TOKEN: &str = "token";

/// An account at a homeserver. Cloning shares it.
///
/// Requests go to the `v3` paths of spec 1.1 and newer, always: a path that changed
/// with the server's versions would make a retry another request.
///
/// When the homeserver refuses the token, another one is asked of the [`TokenSource`],
/// once for all requests that were refused, and each of them is made once more with it.
#[derive(Clone)]
pub struct Client(Arc<Tokens>);

impl Client {
    /// Connects to the homeserver at `base_url` as the owner of `token`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] tells a homeserver that is away
    /// ([`is_retryable`](ConnectError::is_retryable)) from a mistake.
    pub async fn connect(
        base_url: impl Into<String>,
        token: impl Into<SecretString>,
    ) -> Result<Self, ConnectError> {
        Self::connect_from(base_url, token.into()).await
    }

    /// Connects with the token that `source` gives, and whichever it gives later.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub async fn connect_from(
        base_url: impl Into<String>,
        source: impl TokenSource,
    ) -> Result<Self, ConnectError> {
        let base_url = base_url.into();
        let transport = ReqwestTransport::new(&base_url)?;
        let clock = Arc::new(SystemClock);
        Self::connect_with(Arc::new(transport), clock, base_url, source).await
    }

    /// The same over a transport and with a clock of the host's.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub async fn connect_with(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        base_url: impl Into<String>,
        source: impl TokenSource,
    ) -> Result<Self, ConnectError> {
        let homeserver = Homeserver::new(transport, clock, &base_url.into())?;
        homeserver.check_versions().await?;
        let tokens = Tokens::first(Arc::new(source), homeserver).await?;
        Ok(Self(Arc::new(tokens)))
    }

    /// The user and device of the token, as `/whoami` told.
    #[must_use]
    pub fn who_am_i(&self) -> WhoAmI {
        let Identity { user, device } = self.identity().clone();
        WhoAmI { user, device }
    }

    /// The same as a sender of rows.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.0.identity()
    }

    /// Uses `token` from now on, once it is sure that it belongs to the same user and the
    /// same device. What waits because the old one was refused goes on at once if
    /// [`Bot`](crate::Bot) or [`keep_token`](Self::keep_token) runs.
    ///
    /// # Errors
    ///
    /// When it cannot be used; then the old one stays.
    pub async fn set_token(&self, token: impl Into<SecretString>) -> Result<(), TokenError> {
        self.0.set(token.into()).await
    }

    /// Takes up the tokens that the source gives on its own, tells `engine` of each new
    /// one, so that what waits for it goes on at once, and the health of one that cannot
    /// be used. It never ends; [`Bot`](crate::Bot) does it by itself.
    pub async fn keep_token(&self, engine: &EngineHandle) {
        let mut present = self.0.subscribe();
        let tell = async {
            // Its sender lives in `self`, so this does not end.
            while present.changed().await.is_ok() {
                tracing::info!(user = %self.identity().user, "a new access token is in use");
                engine.health().clear(TOKEN);
                engine.resume();
            }
        };
        tokio::join!(tell, self.watch_source(engine));
    }

    async fn watch_source(&self, engine: &EngineHandle) {
        const AGAIN: Duration = Duration::from_secs(5);
        let clock = self.clock();
        loop {
            self.0.source().changed(&*clock).await;
            while !self.take_up(engine).await {
                clock.sleep(AGAIN).await;
            }
        }
    }

    /// Takes up the source's token; false if it is to be tried again.
    async fn take_up(&self, engine: &EngineHandle) -> bool {
        let health = engine.health();
        let Err(error) = self.0.take_up().await else {
            health.clear(TOKEN);
            return true;
        };
        let message = format!("the new access token is not used: {}", chain(&error));
        let now = self.0.homeserver().now();
        if health.raise(TOKEN, Status::Degraded, &message, now) {
            tracing::warn!("{message}");
        }
        !error.is_retryable()
    }

    /// The room that `alias` points to; `None` if it points nowhere.
    ///
    /// # Errors
    ///
    /// When the homeserver cannot tell.
    pub async fn resolve_alias(
        &self,
        alias: OwnedRoomAliasId,
    ) -> Result<Option<OwnedRoomId>, ClientError> {
        match self.call(get_alias::v3::Request::new(alias)).await {
            Ok(response) => Ok(Some(response.room_id)),
            Err(error) if error.api().is_some_and(|e| e.is("M_NOT_FOUND")) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes any request of ruma's client API that needs the account's token, once, or
    /// once more if its token was refused and there is another.
    ///
    /// # Errors
    ///
    /// [`ClientError`] tells whose failure it is.
    pub async fn call<R>(&self, request: R) -> Result<R::IncomingResponse, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let request = self.0.homeserver().request(request)?;
        read(&self.exchange(request, limits::SHORT).await?)
    }

    /// Makes a request and leaves the reading of the answer to the caller.
    pub(crate) async fn call_raw<R>(&self, request: R, limits: Limits) -> Result<Bytes, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let request = self.0.homeserver().request(request)?;
        Ok(self.exchange(request, limits).await?.into_body())
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let homeserver = self.0.homeserver();
        let used = self.0.present();
        let attempt = homeserver.exchange_as(&used.token, request.clone(), limits);
        let refusal = match attempt.await {
            Err(ClientError::Api(refusal)) if refusal.is_of_token() => refusal,
            result => return result,
        };
        // Nothing was done with the refused request, so that it may be made again.
        let other = self.0.after_refusal(&used).await;
        let other = other.map_err(|source| ClientError::Token {
            refusal: Some(refusal),
            source,
        })?;
        homeserver.exchange_as(&other.token, request, limits).await
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.0.homeserver().clock().clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("homeserver", self.0.homeserver())
            .field("identity", self.identity())
            .finish_non_exhaustive()
    }
}

/// Whose token it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WhoAmI {
    /// The user.
    pub user: OwnedUserId,
    /// The device. Without one the homeserver may double a message after its restart.
    pub device: Option<OwnedDeviceId>,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one of a homeserver.
    #[error("`{0}` is not the URL of a homeserver; it looks like https://matrix.example.org")]
    Url(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Transport(#[from] TransportSetupError),
    /// The homeserver speaks nothing that we do.
    #[error("the homeserver is too old: spec 1.1 or newer is needed, it has {0}")]
    TooOld(String),
    /// The homeserver is away or refuses the token.
    #[error("the homeserver gave no answer to work with")]
    Client(#[from] ClientError),
}

impl ConnectError {
    /// Whether it may work later, without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_retryable())
    }
}
