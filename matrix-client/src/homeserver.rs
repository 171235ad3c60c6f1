//! A homeserver, and requests to it with anybody's token or none.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header::AUTHORIZATION};
use matrix_bridge_core::{
    Clock, Misfit, Timestamp,
    ruma::api::{
        IncomingResponse, MatrixVersion, OutgoingRequest, OutgoingRequestExt, SupportedVersions,
        auth_scheme::{AuthScheme, SendAccessToken},
        path_builder::PathBuilder,
    },
};
use ruma::api::client::{account::whoami, discovery::get_supported_versions};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ApiError, ClientError, ConnectError, Limits, Transport, WhoAmI, error::shortened, limits,
};

/// A homeserver, without anybody's token. Cloning shares it.
#[derive(Clone)]
pub struct Homeserver(Arc<Inner>);

struct Inner {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    base_url: String,
}

impl Homeserver {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        base_url: &str,
    ) -> Result<Self, ConnectError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        check_url(&base_url)?;
        Ok(Self(Arc::new(Inner {
            transport,
            clock,
            base_url,
        })))
    }

    /// Makes any request of ruma's client API that needs no token, once: a login, for
    /// example.
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
        let request = self.request(request)?;
        read(&self.exchange(request, limits::SHORT).await?)
    }

    /// The request, without a token.
    pub(crate) fn request<R>(&self, request: R) -> Result<http::Request<Bytes>, ClientError>
    where
        R: OutgoingRequest,
        for<'a> R::Authentication: AuthScheme<Input<'a> = SendAccessToken<'a>>,
        for<'a> R::PathBuilder: PathBuilder<Input<'a> = Cow<'a, SupportedVersions>>,
    {
        // Always the same, so that a request never moves to another path. Those that came
        // after 1.1 go to their stable paths, not to the unstable ones.
        let versions = SupportedVersions {
            versions: [MatrixVersion::V1_1, MatrixVersion::V1_12].into(),
            features: [].into(),
        };
        // ruma refuses to leave it out where one is due; it is replaced before it is sent.
        let token = SendAccessToken::Always("");
        let mut request = request
            .try_into_http_request::<BytesMut>(&self.0.base_url, token, Cow::Owned(versions))
            .map_err(|error| ClientError::Request(error.into()))?;
        request.headers_mut().remove(AUTHORIZATION);
        Ok(request.map(BytesMut::freeze))
    }

    /// Sends `request`; an answer that is no success is an error.
    pub(crate) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let response = self.0.transport.send(request, limits).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ApiError::read(&response, self.now()).into())
    }

    /// The same with a token.
    pub(crate) async fn exchange_as(
        &self,
        token: &SecretString,
        mut request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let value = format!("Bearer {}", token.expose_secret());
        // The cause would hold nothing of it, but says nothing either.
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| ClientError::Request("the access token does not fit a header".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        self.exchange(request, limits).await
    }

    /// Whose `token` is.
    pub(crate) async fn who_is(&self, token: &SecretString) -> Result<WhoAmI, ClientError> {
        let request = self.request(whoami::v3::Request::new())?;
        let response = self.exchange_as(token, request, limits::SHORT).await?;
        let who: whoami::v3::Response = read(&response)?;
        Ok(WhoAmI {
            user: who.user_id,
            device: who.device_id,
        })
    }

    pub(crate) async fn check_versions(&self) -> Result<(), ConnectError> {
        let request = get_supported_versions::Request::new();
        let request = request
            .try_into_http_request::<BytesMut>(&self.0.base_url, SendAccessToken::None, ())
            .map_err(|error| ClientError::Request(error.into()))?;
        let response = self
            .exchange(request.map(BytesMut::freeze), limits::SHORT)
            .await?;
        let response: get_supported_versions::Response = read(&response)?;
        let known = response.as_supported_versions().versions;
        if known.iter().any(|version| *version >= MatrixVersion::V1_1) {
            return Ok(());
        }
        Err(ConnectError::TooOld(shortened(
            &response.versions.join(", "),
        )))
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl fmt::Debug for Homeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Homeserver")
            .field("base_url", &self.0.base_url)
            .finish_non_exhaustive()
    }
}

/// Reads an answer with ruma.
pub(crate) fn read<T: IncomingResponse>(
    response: &http::Response<Bytes>,
) -> Result<T, ClientError> {
    let borrowed = http::Response::new(&**response.body());
    T::try_from_http_response_inner(borrowed)
        .map_err(|error| ClientError::Answer(Misfit::of(&error)))
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
