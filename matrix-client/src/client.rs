//! The account at the homeserver.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use matrix_bridge_core::{
    Clock, Identity,
    ruma::{
        OwnedDeviceId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId,
        api::{
            IncomingResponse, MatrixVersion, OutgoingRequest, OutgoingRequestExt,
            SupportedVersions,
            auth_scheme::{AuthScheme, SendAccessToken},
            path_builder::PathBuilder,
        },
    },
};
use ruma::api::client::{account::whoami, alias::get_alias, discovery::get_supported_versions};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ApiError, ClientError, Limits, ReqwestTransport, SystemClock, Transport, TransportSetupError,
    limits,
};

/// An account at a homeserver. Cloning shares it.
///
/// Requests go to the `v3` paths of spec 1.1 and newer, always: a path that changed
/// with the server's versions would make a retry another request.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    connection: Connection,
    identity: Identity,
}

/// A way to the homeserver, with a token of somebody's.
struct Connection {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    base_url: String,
    token: SecretString,
}

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
        let base_url = base_url.into();
        let transport = ReqwestTransport::new(&base_url)?;
        let clock = Arc::new(SystemClock);
        Self::connect_with(Arc::new(transport), clock, base_url, token.into()).await
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
        token: SecretString,
    ) -> Result<Self, ConnectError> {
        let base_url = base_url.into().trim_end_matches('/').to_owned();
        check_url(&base_url)?;
        let connection = Connection {
            transport,
            clock,
            base_url,
            token,
        };
        connection.check_versions().await?;
        let who = connection
            .call(whoami::v3::Request::new(), limits::SHORT)
            .await?;
        let identity = Identity {
            user: who.user_id,
            device: who.device_id,
        };
        Ok(Self(Arc::new(Inner {
            connection,
            identity,
        })))
    }

    /// The user and device of the token, as `/whoami` told.
    #[must_use]
    pub fn who_am_i(&self) -> WhoAmI {
        let Identity { user, device } = self.0.identity.clone();
        WhoAmI { user, device }
    }

    /// The same as a sender of rows.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
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

    /// Makes any request of ruma's client API that needs the account's token, once.
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
        self.0.connection.call(request, limits::SHORT).await
    }

    /// Makes a request and leaves the reading of the answer to the caller.
    pub(crate) async fn call_raw<R>(&self, request: R, limits: Limits) -> Result<Bytes, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let connection = &self.0.connection;
        let response = connection
            .exchange(connection.request(request)?, limits)
            .await?;
        Ok(response.into_body())
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.0.connection.clock.clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.connection.base_url)
            .field("identity", &self.0.identity)
            .finish_non_exhaustive()
    }
}

impl Connection {
    async fn check_versions(&self) -> Result<(), ConnectError> {
        let request = get_supported_versions::Request::new();
        let request = request
            .try_into_http_request::<BytesMut>(&self.base_url, SendAccessToken::None, ())
            .map_err(|error| ClientError::Request(error.into()))?;
        let response = self
            .exchange(request.map(BytesMut::freeze), limits::SHORT)
            .await?;
        let response: get_supported_versions::Response = read(&response)?;
        let known = response.as_supported_versions().versions;
        if known.iter().any(|version| *version >= MatrixVersion::V1_1) {
            return Ok(());
        }
        Err(ConnectError::TooOld(response.versions.join(", ")))
    }

    async fn call<R>(&self, request: R, limits: Limits) -> Result<R::IncomingResponse, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        read(&self.exchange(self.request(request)?, limits).await?)
    }

    fn request<R>(&self, request: R) -> Result<http::Request<Bytes>, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        let versions = SupportedVersions {
            versions: [MatrixVersion::V1_1].into(),
            features: [].into(),
        };
        let token = SendAccessToken::Always(self.token.expose_secret());
        let mut request = request
            .try_into_http_request::<BytesMut>(&self.base_url, token, Cow::Owned(versions))
            .map_err(|error| ClientError::Request(error.into()))?;
        if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(request.map(BytesMut::freeze))
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let response = self.transport.send(request, limits).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ApiError::read(&response, self.clock.now()).into())
    }
}

fn read<T: IncomingResponse>(response: &http::Response<Bytes>) -> Result<T, ClientError> {
    let borrowed = http::Response::new(&**response.body());
    T::try_from_http_response_inner(borrowed).map_err(|error| ClientError::Answer(error.into()))
}

fn check_url(base_url: &str) -> Result<(), ConnectError> {
    let is_fit = base_url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if is_fit {
        Ok(())
    } else {
        Err(ConnectError::Url(base_url.to_owned()))
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
