//! What can go wrong in a request, and whose failure it is.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use matrix_bridge_core::{AccountTrouble, Misfit, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{BoxError, TokenError, TransportError, retry_after::retry_after, token::Fault};

/// Why a request gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No whole answer came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The homeserver, or a proxy before it, refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answer was a success in a form that cannot be read.
    #[error("the homeserver's answer cannot be read")]
    Answer(#[source] Misfit),
    /// The request could not be made: an argument is not fit for a URL or a header.
    #[error("the request cannot be made")]
    Request(#[source] BoxError),
    /// There is no access token, or none that the homeserver accepts.
    #[error("{}", no_token(.refusal.as_ref()))]
    Token {
        /// What the homeserver said to the last one.
        refusal: Option<ApiError>,
        /// Why there is no other one.
        source: TokenError,
    },
}

impl ClientError {
    /// The homeserver's refusal, if it is one.
    #[must_use]
    pub const fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Token { refusal, .. } => refusal.as_ref(),
            _ => None,
        }
    }

    /// What is wrong with the account, if that is the reason.
    #[must_use]
    pub fn trouble(&self) -> Option<AccountTrouble> {
        let Self::Token { refusal, source } = self else {
            return self.api().and_then(ApiError::trouble);
        };
        match source.fault() {
            Fault::Away(_) => None,
            Fault::Account(trouble) => Some(trouble),
            Fault::Person => {
                let known = refusal.as_ref().and_then(ApiError::trouble);
                Some(known.unwrap_or(AccountTrouble::UnknownToken))
            }
        }
    }

    /// Whether the homeserver is away, behind a proxy that answers for it, or slow; the
    /// same request may succeed later.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Transport(TransportError::TooLarge(_)) | Self::Request(_) => false,
            // HTML or half a body where JSON is due: a proxy, or a cut connection.
            Self::Transport(_) | Self::Answer(_) => true,
            Self::Api(error) => error.is_away(),
            Self::Token { source, .. } => source.is_retryable(),
        }
    }

    /// Whether the same request may succeed later, without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let is_passing = |e: &ApiError| e.status.is_server_error() || e.is_rate_limit();
        self.is_away() || self.api().is_some_and(is_passing)
    }

    /// How long the other side asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token { source, .. } => match source.fault() {
                Fault::Away(retry_after) => retry_after,
                Fault::Account(_) | Fault::Person => None,
            },
            error => error.api().and_then(|error| error.retry_after),
        }
    }
}

impl From<TokenError> for ClientError {
    fn from(source: TokenError) -> Self {
        Self::Token {
            refusal: None,
            source,
        }
    }
}

fn no_token(refusal: Option<&ApiError>) -> String {
    refusal.map_or_else(
        || "there is no access token".to_owned(),
        |refusal| format!("the homeserver refuses the access token ({refusal})"),
    )
}

/// A refusal: what the homeserver, or a proxy before it, said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The `errcode`, such as `M_FORBIDDEN`; `None` if the body was no Matrix error,
    /// which is then a proxy's.
    pub errcode: Option<String>,
    /// What was said in words, shortened.
    pub message: String,
    /// With `M_UNKNOWN_TOKEN`: the session can be taken up again with a new token.
    pub soft_logout: bool,
    /// How long to wait.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// Reads a refusal from an answer that is not a success.
    #[must_use]
    pub fn read(response: &http::Response<Bytes>, now: Timestamp) -> Self {
        let body: Option<ErrorBody<'_>> = serde_json::from_slice(response.body()).ok();
        let ErrorBody {
            errcode,
            error,
            soft_logout,
            retry_after_ms,
        } = body.unwrap_or_default();
        let text = |value| field::<String>(value).as_deref().map(shortened);
        Self {
            status: response.status(),
            errcode: text(errcode),
            message: text(error).unwrap_or_default(),
            soft_logout: field(soft_logout).unwrap_or_default(),
            retry_after: retry_after(response.headers(), field(retry_after_ms), now),
        }
    }

    /// Whether the `errcode` is `code`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.errcode.as_deref() == Some(code)
    }

    /// Whether we are to wait.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.is("M_LIMIT_EXCEEDED")
    }

    /// Whether the token is refused, which another one may mend.
    #[must_use]
    pub fn is_of_token(&self) -> bool {
        self.is("M_UNKNOWN_TOKEN") || self.is("M_MISSING_TOKEN")
    }

    /// What is wrong with the account, if that is the reason.
    #[must_use]
    pub fn trouble(&self) -> Option<AccountTrouble> {
        Some(match self.errcode.as_deref()? {
            "M_UNKNOWN_TOKEN" if self.soft_logout => AccountTrouble::SoftLogout,
            "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN" => AccountTrouble::UnknownToken,
            "M_USER_LOCKED" => AccountTrouble::Locked,
            "M_USER_SUSPENDED" => AccountTrouble::Suspended,
            "M_USER_DEACTIVATED" => AccountTrouble::Deactivated,
            "M_USER_LIMIT_EXCEEDED" | "M_RESOURCE_LIMIT_EXCEEDED" => AccountTrouble::LimitExceeded,
            _ => return None,
        })
    }

    fn is_away(&self) -> bool {
        let gateway = matches!(self.status.as_u16(), 408 | 502..=504 | 520..=530);
        // A homeserver always gives an errcode; without one somebody else answered.
        let foreign = self.errcode.is_none()
            && !self.is_rate_limit()
            && self.status != StatusCode::PAYLOAD_TOO_LARGE;
        gateway || foreign
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            errcode,
            message,
            ..
        } = self;
        match errcode {
            Some(errcode) => write!(f, "{} {errcode}: {message}", status.as_u16()),
            None => write!(f, "{status} that is not a homeserver's"),
        }
    }
}

impl std::error::Error for ApiError {}

/// Each field raw, so that one of a wrong type does not hide the others.
#[derive(Default, Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    errcode: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    soft_logout: Option<&'a RawValue>,
    #[serde(borrow)]
    retry_after_ms: Option<&'a RawValue>,
}

fn field<T: DeserializeOwned>(value: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// The start of what was said, on one line and without control characters.
pub(crate) fn shortened(message: &str) -> String {
    const MAX: usize = 200;
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static str) -> ApiError {
        let response = http::Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()));
        ApiError::read(&response.unwrap(), Timestamp(0))
    }

    #[test]
    fn account_states_are_told_apart() {
        let soft = read(401, r#"{"errcode":"M_UNKNOWN_TOKEN","soft_logout":true}"#);
        let hard = read(401, r#"{"errcode":"M_UNKNOWN_TOKEN","error":"gone"}"#);
        let locked = read(401, r#"{"errcode":"M_USER_LOCKED","soft_logout":true}"#);
        let forbidden = read(403, r#"{"errcode":"M_FORBIDDEN"}"#);

        assert_eq!(soft.trouble(), Some(AccountTrouble::SoftLogout));
        assert_eq!(hard.trouble(), Some(AccountTrouble::UnknownToken));
        assert_eq!(locked.trouble(), Some(AccountTrouble::Locked));
        assert_eq!(forbidden.trouble(), None);
        assert!(!forbidden.is_away());
    }

    #[test]
    fn an_answer_without_errcode_is_a_proxys() {
        for (status, body) in [
            (502, "<html>"),
            (520, ""),
            (500, "<html>oops</html>"),
            (404, "not found"),
            (401, "<html>"),
            (302, ""),
        ] {
            assert!(read(status, body).is_away(), "{status}");
        }
        assert!(!read(500, r#"{"errcode":"M_UNKNOWN"}"#).is_away());
        assert!(!read(429, "slow down").is_away());
        assert!(!read(413, "<html>").is_away());
    }

    #[test]
    fn what_was_said_stays_on_one_short_line() {
        let error = read(400, r#"{"errcode":"M_X","error":"a\nb\u001b[31mc"}"#);

        assert_eq!(error.to_string(), "400 M_X: ab[31mc");
    }
}
