//! Requests as they are listened to.

use bytes::Bytes;
use http::Request;

use super::answer::decoded;

/// What a request is, as limits see it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Class {
    Event,
    Join,
    Sync,
    Other,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) process: u32,
    pub(super) class: Class,
    pub(super) line: String,
    pub(super) query: String,
    pub(super) room: Option<String>,
    /// A message or a reaction: what must not go into an encrypted room.
    pub(super) is_plaintext: bool,
    pub(super) is_write: bool,
    pub(super) transaction: Option<String>,
    pub(super) body: Bytes,
}

impl Asked {
    pub(crate) fn read(process: u32, request: &Request<Bytes>) -> Self {
        let path = request.uri().path();
        let parts: Vec<_> = path.split('/').skip(4).map(decoded).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let is_write = request.method() != http::Method::GET;
        let room = match parts.as_slice() {
            ["rooms" | "join", room, ..] => Some((*room).to_owned()),
            _ => None,
        };
        let class = match parts.as_slice() {
            ["rooms", _, "send" | "redact", ..] => Class::Event,
            ["rooms", _, "state", ..] if is_write => Class::Event,
            ["rooms", _, "join" | "leave", ..] | ["join", ..] => Class::Join,
            ["sync"] => Class::Sync,
            _ => Class::Other,
        };
        let transaction = match parts.as_slice() {
            ["rooms", _, "send" | "redact", _, id] => Some((*id).to_owned()),
            _ => None,
        };
        Self {
            process,
            class,
            line: format!("p{process} {} {path}", request.method()),
            query: request.uri().query().unwrap_or_default().to_owned(),
            room,
            is_plaintext: matches!(parts.as_slice(), ["rooms", _, "send", ..]),
            is_write,
            transaction,
            body: request.body().clone(),
        }
    }

    pub(crate) const fn process(&self) -> u32 {
        self.process
    }
}
