//! A request, taken apart.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};

use super::{
    endpoint::Endpoint,
    route::{Miss, Route, find},
};

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The route, or what is wrong with the path.
    pub(crate) route: Result<&'static Route, Miss>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) arguments: BTreeMap<&'static str, String>,
    pub(crate) token: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

impl Call {
    /// Takes `request` apart.
    pub(crate) fn read(request: &Request<Bytes>) -> Self {
        let path = request.uri().path();
        let mut query = parse_query(request.uri().query().unwrap_or_default());
        let in_query = query.remove("access_token");
        let header = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let bearer = header(http::header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer "));
        let (route, arguments) = find(request.method(), path);
        Self {
            route,
            method: request.method().clone(),
            path: path.to_owned(),
            query,
            arguments,
            token: bearer
                .map(str::to_owned)
                .or(in_query)
                .filter(|token| !token.is_empty()),
            content_type: header(http::header::CONTENT_TYPE)
                .unwrap_or_default()
                .to_owned(),
            body: request.body().clone(),
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.route.map_or(Endpoint::Unknown, |route| route.endpoint)
    }

    /// An argument in the path; empty where the route has none of that name.
    pub(crate) fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).map_or("", String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The query as text, without the access token.
    pub(crate) fn query_without_token(request: &Request<Bytes>) -> String {
        let query = request.uri().query().unwrap_or_default();
        let kept: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.starts_with("access_token="))
            .collect();
        kept.join("&")
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decode(name),
                percent_decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        // `from_str_radix` alone would take a sign.
        let hex = after
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if first == b'%' => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_percent_sign_stays() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%2%41"), "%2A");
    }

    #[test]
    fn a_query_knows_plus_and_flags() {
        let query = parse_query("a=1+2&b&c=%7B%7D");
        assert_eq!(query["a"], "1 2");
        assert_eq!(query["b"], "");
        assert_eq!(query["c"], "{}");
    }
}
