//! What an endpoint answers, and JSON that is put together as text.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// The whole answer of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    takes: Duration,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self::raw_json(text(value))
    }

    pub(crate) fn empty_object() -> Self {
        Self::json(&json!({}))
    }

    pub(crate) fn raw_json(body: Vec<u8>) -> Self {
        Self::new("application/json", body)
    }

    pub(crate) fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        let reply = Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            body: body.into(),
            takes: Duration::ZERO,
        };
        reply.with_header(header::CONTENT_TYPE, content_type)
    }

    pub(crate) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; a value that HTTP cannot carry is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) const fn taking(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    pub(crate) const fn takes(&self) -> Duration {
        self.takes
    }

    /// The same reply with only the first half of its body.
    pub(crate) fn halved(mut self) -> Self {
        self.body = self.body.slice(..self.body.len() / 2);
        self
    }

    /// The same reply with its body twice.
    pub(crate) fn doubled(mut self) -> Self {
        self.body = [&*self.body, &*self.body].concat().into();
        self
    }

    pub(crate) fn into_response(self, date: &str) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .extend(self.headers.into_iter().map(|(k, v)| (Some(k), v)));
        if let Ok(date) = HeaderValue::from_str(date) {
            response.headers_mut().insert(header::DATE, date);
        }
        response
    }
}

/// `value` as text.
pub(crate) fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// An object of fields that are text already.
///
/// Events may be any bytes a test has injected, so answers are joined as text and
/// never pass through a parser.
pub(crate) fn object<K: AsRef<str>>(fields: impl IntoIterator<Item = (K, Vec<u8>)>) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (key, value) in fields {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend(text(&json!(key.as_ref())));
        out.push(b':');
        out.extend(value);
    }
    out.push(b'}');
    out
}

/// An array of values that are text already.
pub(crate) fn array(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = vec![b'['];
    for item in items {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend(item);
    }
    out.push(b']');
    out
}
