//! Answers that are not the server's own: refusals and pages by script.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{errors::milliseconds, reply::Reply};

/// An answer that is not the server's own.
#[derive(Clone, Debug)]
pub(crate) struct Canned {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    pub(crate) retry_after: Option<RetryAfter>,
}

/// The forms of the `Retry-After` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RetryAfter {
    Seconds(u64),
    Date(Duration),
}

/// The forms in which servers and the proxies before them say 429.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RateLimitForm {
    /// `retry_after_ms` in the body, no header.
    BodyOnly(Duration),
    /// `Retry-After` in seconds, no time in the body.
    HeaderSeconds(u64),
    /// `Retry-After` as a date that far after the server's now, no time in the body.
    HeaderDate(Duration),
    /// `retry_after_ms` in the body, and the header in seconds.
    Both {
        /// What the body says.
        body: Duration,
        /// What the header says.
        header_seconds: u64,
    },
    /// A page of a proxy, with the header in seconds.
    NotJson(u64),
    /// The error code and nothing about time.
    NoTime,
}

impl RateLimitForm {
    pub(crate) fn canned(self) -> Canned {
        let (in_body, retry_after) = match self {
            Self::BodyOnly(wait) => (Some(wait), None),
            Self::HeaderSeconds(seconds) | Self::NotJson(seconds) => {
                (None, Some(RetryAfter::Seconds(seconds)))
            }
            Self::HeaderDate(wait) => (None, Some(RetryAfter::Date(wait))),
            Self::Both {
                body,
                header_seconds,
            } => (Some(body), Some(RetryAfter::Seconds(header_seconds))),
            Self::NoTime => (None, None),
        };
        let (content_type, body) = if matches!(self, Self::NotJson(_)) {
            ("text/html", "<h1>Too Many Requests</h1>".to_owned())
        } else {
            let mut body = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests" });
            if let Some(wait) = in_body {
                body["retry_after_ms"] = json!(milliseconds(wait));
            }
            ("application/json", body.to_string())
        };
        Canned {
            status: StatusCode::TOO_MANY_REQUESTS,
            content_type: content_type.to_owned(),
            body: body.into(),
            retry_after,
        }
    }
}

impl Canned {
    /// The reply; `date` words a moment that far from the server's now.
    pub(crate) fn reply(&self, date: impl Fn(Duration) -> String) -> Reply {
        let reply = Reply::new(&self.content_type, self.body.clone()).with_status(self.status);
        match self.retry_after {
            None => reply,
            Some(RetryAfter::Seconds(seconds)) => {
                reply.with_header(http::header::RETRY_AFTER, seconds.to_string())
            }
            Some(RetryAfter::Date(wait)) => {
                reply.with_header(http::header::RETRY_AFTER, date(wait))
            }
        }
    }
}
