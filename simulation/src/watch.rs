//! Watches the wire and the disk, and objects where a promise is broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Arguments,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::RETRY_AFTER};
use matrix_bridge_client::TransportError;
use serde_json::Value;
use tokio::time::Instant;

use crate::trace::Trace;

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
    process: u32,
    class: Class,
    line: String,
    room: Option<String>,
    /// A message or a reaction: what must not go into an encrypted room.
    is_plaintext: bool,
    is_write: bool,
    transaction: Option<String>,
    body: Bytes,
}

/// More than this within [`WINDOW`] is a loop that does not wait.
const REQUESTS: u32 = 600;
const STORE_CALLS: u32 = 20_000;
const WINDOW: Duration = Duration::from_secs(10);

/// The watcher.
#[derive(Debug)]
pub(crate) struct Watch(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    trace: Trace,
    objections: Vec<String>,
    requests: u64,
    store_calls: u64,
    /// By process and class: when the homeserver's wait is over.
    limits: BTreeMap<(u32, Class), Instant>,
    latest_limit: Option<Instant>,
    /// By transaction id: path and body of its first attempt.
    sent: BTreeMap<String, (String, Bytes)>,
    /// By transaction id: how often the homeserver failed on it.
    server_errors: BTreeMap<String, u32>,
    /// By process: the rooms that sync showed to it as encrypted.
    encrypted: BTreeMap<u32, BTreeSet<String>>,
    silent: BTreeSet<String>,
    window: Window,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    requests: u32,
    store_calls: u32,
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
            room,
            is_plaintext: matches!(parts.as_slice(), ["rooms", _, "send", ..]),
            is_write,
            transaction,
            body: request.body().clone(),
        }
    }
}

impl Watch {
    pub(crate) fn new(with_trace: bool) -> Self {
        Self(Mutex::new(Seen {
            trace: Trace::new(with_trace),
            objections: Vec::new(),
            requests: 0,
            store_calls: 0,
            limits: BTreeMap::new(),
            latest_limit: None,
            sent: BTreeMap::new(),
            server_errors: BTreeMap::new(),
            encrypted: BTreeMap::new(),
            silent: BTreeSet::new(),
            window: Window::new(),
        }))
    }

    /// Nothing may be written to `room`.
    pub(crate) fn silence(&self, room: &str) {
        self.seen().silent.insert(room.to_owned());
    }

    pub(crate) fn note(&self, what: Arguments<'_>) {
        self.seen().trace.note(what);
    }

    pub(crate) fn object(&self, objection: String) {
        self.seen().object(objection);
    }

    pub(crate) fn store_call(&self, process: u32, doing: &str) {
        let mut seen = self.seen();
        seen.store_calls += 1;
        seen.window.store_calls += 1;
        seen.check_window();
        // Every second of every day has these.
        if doing != "counting rows" {
            seen.trace.note(format_args!("p{process} store: {doing}"));
        }
    }

    pub(crate) fn asked(&self, asked: &Asked) {
        let mut seen = self.seen();
        seen.requests += 1;
        seen.window.requests += 1;
        seen.check_window();
        seen.trace.note(format_args!("{}", asked.line));
        seen.check_limit(asked);
        seen.check_transaction(asked);
        seen.check_room(asked);
    }

    pub(crate) fn answered(&self, asked: &Asked, result: &Result<Response<Bytes>, TransportError>) {
        let mut seen = self.seen();
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                seen.trace.note(format_args!("{}: {error}", asked.line));
                return;
            }
        };
        let status = response.status();
        seen.trace.note(format_args!("{}: {status}", asked.line));
        if status == http::StatusCode::INTERNAL_SERVER_ERROR
            && let Some(transaction) = &asked.transaction
        {
            *seen.server_errors.entry(transaction.clone()).or_default() += 1;
        }
        if status == http::StatusCode::TOO_MANY_REQUESTS {
            seen.limited(asked, response);
        }
        if asked.class == Class::Sync && status.is_success() {
            seen.learn_encryption(asked.process, response.body());
        }
    }

    /// Path and body of what was sent under that transaction id.
    pub(crate) fn sent(&self, transaction: &str) -> Option<(String, Bytes)> {
        self.seen().sent.get(transaction).cloned()
    }

    /// How often the homeserver failed on what was sent under that transaction id.
    pub(crate) fn server_errors(&self, transaction: &str) -> u32 {
        let seen = self.seen();
        seen.server_errors
            .get(transaction)
            .copied()
            .unwrap_or_default()
    }

    /// When the last wait that the homeserver asked for is over.
    pub(crate) fn latest_limit(&self) -> Option<Instant> {
        self.seen().latest_limit
    }

    /// How many requests and calls of the store there were.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let seen = self.seen();
        (seen.requests, seen.store_calls)
    }

    /// The objections, and the trace if it was wanted.
    pub(crate) fn end(&self) -> (Vec<String>, Option<String>) {
        let mut seen = self.seen();
        (std::mem::take(&mut seen.objections), seen.trace.take())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn object(&mut self, objection: String) {
        const ENOUGH: usize = 20;
        self.trace.note(format_args!("OBJECTION: {objection}"));
        if self.objections.len() < ENOUGH {
            self.objections.push(objection);
        }
    }

    /// S5: nothing before the homeserver's time. What was on its way already is
    /// excepted, since it was asked before.
    fn check_limit(&mut self, asked: &Asked) {
        let Some(until) = self.limits.get(&(asked.process, asked.class)) else {
            return;
        };
        let early = until.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            self.object(format!(
                "{} is {early:?} before the limit's end",
                asked.line
            ));
        }
    }

    fn limited(&mut self, asked: &Asked, response: &Response<Bytes>) {
        if asked.class == Class::Other {
            return;
        }
        let until = Instant::now() + asked_wait(response);
        let known = self
            .limits
            .entry((asked.process, asked.class))
            .or_insert(until);
        *known = until.max(*known);
        self.latest_limit = self.latest_limit.max(Some(until));
    }

    /// A transaction id stands for one request, always.
    fn check_transaction(&mut self, asked: &Asked) {
        let Some(transaction) = &asked.transaction else {
            return;
        };
        let path = asked.line.split(' ').nth(2).unwrap_or_default();
        match self.sent.get(transaction) {
            None => {
                let first = (path.to_owned(), asked.body.clone());
                self.sent.insert(transaction.clone(), first);
                // A message that goes out for the first time is progress, and no loop:
                // it may cost a look at its room, and the sync that shows it.
                self.window.requests = self.window.requests.saturating_sub(3);
            }
            Some((before, body)) if before != path || *body != asked.body => {
                self.object(format!("{} was another request before", asked.line));
            }
            Some(_) => {}
        }
    }

    fn check_room(&mut self, asked: &Asked) {
        let Some(room) = &asked.room else {
            return;
        };
        if asked.is_write && self.silent.contains(room) {
            self.object(format!("{} writes to a silent room", asked.line));
        }
        let shown = self.encrypted.get(&asked.process);
        if asked.is_plaintext && shown.is_some_and(|rooms| rooms.contains(room)) {
            self.object(format!("{} goes into an encrypted room", asked.line));
        }
    }

    fn learn_encryption(&mut self, process: u32, body: &Bytes) {
        const KIND: &[u8] = b"m.room.encryption";
        if !body.windows(KIND.len()).any(|part| part == KIND) {
            return;
        }
        let Ok(sync) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let rooms = sync["rooms"]["join"].as_object().into_iter().flatten();
        let shown = rooms.filter(|(_, room)| {
            let events = |part: &str| room[part]["events"].as_array().cloned();
            let events = [events("state"), events("timeline")];
            let mut events = events.into_iter().flatten().flatten();
            events.any(|event| event["type"] == "m.room.encryption")
        });
        let shown = shown.map(|(room, _)| room.clone());
        self.encrypted.entry(process).or_default().extend(shown);
    }

    /// L2: no busy loop.
    fn check_window(&mut self) {
        let window = &mut self.window;
        let is_loop = window.requests > REQUESTS || window.store_calls > STORE_CALLS;
        if is_loop {
            let Window {
                since,
                requests,
                store_calls,
            } = *window;
            let span = since.elapsed();
            *window = Window::new();
            self.object(format!(
                "{requests} requests and {store_calls} store calls within {span:?}"
            ));
            let is_endless = self.objections.len() > 10;
            assert!(!is_endless, "a busy loop: {:?}", self.objections);
        } else if window.since.elapsed() >= WINDOW {
            *window = Window::new();
        }
    }
}

impl Window {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            requests: 0,
            store_calls: 0,
        }
    }
}

/// The larger of what header and body say; nothing where neither says anything.
fn asked_wait(response: &Response<Bytes>) -> Duration {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let body = Duration::from_millis(body["retry_after_ms"].as_u64().unwrap_or_default());
    let header = response.headers().get(RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
    body.max(Duration::from_secs(seconds.unwrap_or_default()))
}

/// A part of a path as it was before it was percent-encoded.
pub(crate) fn decoded(part: &str) -> String {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || {
            bytes
                .next()
                .and_then(|digit| char::from(digit).to_digit(16))
        };
        let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        out.extend(value.and_then(|value| u8::try_from(value).ok()));
    }
    String::from_utf8_lossy(&out).into_owned()
}
