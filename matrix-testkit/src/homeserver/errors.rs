//! The refusals, as the client-server API words them.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::Reply;

/// A refusal of one request.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    errcode: &'static str,
    message: String,
    extra: Map<String, Value>,
    retry_after: Option<Duration>,
    takes: Duration,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        errcode: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            errcode,
            message: message.into(),
            extra: Map::new(),
            retry_after: None,
            takes: Duration::ZERO,
        }
    }

    pub(crate) fn bad_request(errcode: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, errcode, message)
    }

    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::bad_request("M_UNKNOWN", message)
    }

    pub(crate) fn bad_json(message: impl Into<String>) -> Self {
        Self::bad_request("M_BAD_JSON", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::bad_request("M_INVALID_PARAM", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
    }

    /// What Synapse answers where its own code failed.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "M_UNKNOWN",
            "Internal server error",
        )
    }

    pub(crate) fn unknown_token(message: &str, soft_logout: bool) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", message)
            .with("soft_logout", json!(soft_logout))
    }

    /// A 429 after `takes`, with the wait in the body and, rounded up, in the header.
    pub(crate) fn limited(wait: Duration, takes: Duration) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "M_LIMIT_EXCEEDED",
            "Too Many Requests",
        )
        .with("retry_after_ms", json!(milliseconds(wait)));
        error.retry_after = Some(wait);
        error.takes = takes;
        error
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.extra.insert(field.to_owned(), value);
        self
    }

    pub(crate) fn message(&self) -> String {
        format!("{} {}: {}", self.status, self.errcode, self.message)
    }

    pub(crate) fn into_reply(self) -> Reply {
        let mut body = self.extra;
        body.insert("errcode".to_owned(), json!(self.errcode));
        body.insert("error".to_owned(), json!(self.message));
        let mut reply = Reply::json(&Value::Object(body)).with_status(self.status);
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000);
            reply = reply.with_header(http::header::RETRY_AFTER, seconds.to_string());
        }
        reply.taking(self.takes)
    }
}

/// Whole milliseconds; a duration too long for a `u64` is not reachable by addition.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
