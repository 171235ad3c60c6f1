//! A homeserver that answers by a function.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER};
use matrix_bridge::{Client, ConnectError, Limits, SecretString, Transport, TransportError};
use matrix_bridge_testkit::virtual_time::VirtualClock;

/// What the homeserver says to a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<HeaderValue>,
    pub(super) body: Bytes,
}

impl Answer {
    /// A success with that body.
    pub(super) fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            retry_after: None,
            body: body.into(),
        }
    }

    /// A refusal with that body.
    pub(super) fn refusal(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            ..Self::ok(body)
        }
    }

    /// The status and the `Retry-After` header in the first line, then the body; a first
    /// line without a status belongs to the body.
    pub(super) fn read(input: &[u8]) -> Self {
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let line = parts.next().unwrap_or_default();
        let digits = line.get(..3).unwrap_or_default();
        let Ok(status) = StatusCode::from_bytes(digits) else {
            return Self::ok(Bytes::copy_from_slice(input));
        };
        let header = line
            .get(4..)
            .and_then(|text| HeaderValue::from_bytes(text).ok());
        Self {
            status,
            retry_after: header,
            body: Bytes::copy_from_slice(parts.next().unwrap_or_default()),
        }
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        if let Some(value) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }
}

/// Who we are, unless the input says otherwise.
pub(super) const BOT: &str = "@bot:testkit.local";

/// The account at a homeserver where `say` answers everything but the questions of
/// connecting; without an answer it holds the request for ever.
pub(super) async fn client<F>(say: F) -> Client
where
    F: Fn(&Request<Bytes>) -> Option<Answer> + Send + Sync + 'static,
{
    let polite = move |request: &Request<Bytes>| match request.uri().path() {
        "/_matrix/client/versions" => Some(Answer::ok(r#"{"versions":["v1.1","v1.13"]}"#)),
        "/_matrix/client/v3/account/whoami" => Some(Answer::ok(format!(
            r#"{{"user_id":"{BOT}","device_id":"DEVICE"}}"#
        ))),
        _ => say(request),
    };
    connect(polite).await.expect("the homeserver is polite")
}

/// Connects to a homeserver where `say` answers everything.
pub(super) async fn connect<F>(say: F) -> Result<Client, ConnectError>
where
    F: Fn(&Request<Bytes>) -> Option<Answer> + Send + Sync + 'static,
{
    Client::connect_with(
        Arc::new(Canned(say)),
        Arc::new(VirtualClock::new()),
        "http://testkit.local",
        SecretString::from("token"),
    )
    .await
}

struct Canned<F>(F);

impl<F> fmt::Debug for Canned<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canned")
    }
}

#[async_trait]
impl<F> Transport for Canned<F>
where
    F: Fn(&Request<Bytes>) -> Option<Answer> + Send + Sync + 'static,
{
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        match (self.0)(&request) {
            Some(answer) => Ok(answer.into_response()),
            None => {
                tokio::time::sleep(limits.timeout).await;
                Err(TransportError::Timeout(limits.timeout))
            }
        }
    }
}
