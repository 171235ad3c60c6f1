//! Watches the wire and the disk, and objects where a promise is broken.

mod answer;
mod asked;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Arguments,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use matrix_bridge_client::TransportError;
use serde_json::Value;
use tokio::time::Instant;

use self::answer::{Shown, asked_wait};
pub(crate) use self::{
    answer::decoded,
    asked::{Asked, Class},
};
use crate::trace::Trace;

/// More than this within [`WINDOW`] is a loop that does not wait.
const REQUESTS: u32 = 600;
const STORE_CALLS: u32 = 20_000;
const WINDOW: Duration = Duration::from_secs(10);

/// S6: as the settings have them, one of each for sync and what is read beside it, and
/// the pages of gaps.
const UNDER_WAY: u32 = 8 + 2 + 4;
const HANDLED: u32 = 64 + 256;

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
    /// By transaction id, or room for what is asked about it: how often the homeserver
    /// failed on it.
    server_errors: BTreeMap<String, u32>,
    /// By process: the rooms that sync showed to it as encrypted.
    encrypted: BTreeMap<u32, BTreeSet<String>>,
    silent: BTreeSet<String>,
    /// Rooms of which handlers were told that something in them cannot be read.
    holes: BTreeSet<String>,
    /// By process: requests under way, and events being handled.
    under_way: BTreeMap<u32, u32>,
    handled: BTreeMap<u32, u32>,
    window: Window,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    requests: u32,
    store_calls: u32,
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
            holes: BTreeSet::new(),
            under_way: BTreeMap::new(),
            handled: BTreeMap::new(),
            window: Window::new(),
        }))
    }

    /// Nothing may be written to `room`.
    pub(crate) fn silence(&self, room: &str) {
        self.seen().silent.insert(room.to_owned());
    }

    /// A handler was told that something in `room` cannot be read.
    pub(crate) fn hole(&self, room: &str) {
        let mut seen = self.seen();
        seen.trace.note(format_args!("a hole in {room}"));
        seen.holes.insert(room.to_owned());
    }

    pub(crate) fn has_hole(&self, room: &str) -> bool {
        self.seen().holes.contains(room)
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
        let Asked { line, query, .. } = asked;
        seen.trace.note(format_args!("{line} {query}"));
        let under_way = seen.under_way.entry(asked.process).or_default();
        *under_way += 1;
        let under_way = *under_way;
        if under_way > UNDER_WAY {
            seen.object(format!("{line}: {under_way} requests at once"));
        }
        seen.check_limit(asked);
        seen.check_transaction(asked);
        seen.check_room(asked);
    }

    pub(crate) fn answered(&self, asked: &Asked, result: &Result<Response<Bytes>, TransportError>) {
        let mut seen = self.seen();
        seen.ended(asked.process);
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                seen.trace.note(format_args!("{}: {error}", asked.line));
                return;
            }
        };
        let status = response.status();
        seen.trace
            .note(format_args!("{}: {status}{}", asked.line, Shown(response)));
        if status == http::StatusCode::INTERNAL_SERVER_ERROR
            && let Some(of) = asked.transaction.as_ref().or(asked.room.as_ref())
        {
            *seen.server_errors.entry(of.clone()).or_default() += 1;
        }
        if status == http::StatusCode::TOO_MANY_REQUESTS {
            seen.limited(asked, response);
        }
        if asked.class == Class::Sync && status.is_success() {
            seen.learn_encryption(asked.process, response.body());
        }
    }

    /// A request of that process was given up.
    pub(crate) fn dropped(&self, process: u32) {
        self.seen().ended(process);
    }

    /// A handler of that process is at work until the result is dropped.
    pub(crate) fn handling(self: &Arc<Self>, process: u32) -> Busy {
        let mut seen = self.seen();
        let handled = seen.handled.entry(process).or_default();
        *handled += 1;
        let handled = *handled;
        if handled > HANDLED {
            seen.object(format!("p{process} handles {handled} events at once"));
        }
        Busy(self.clone(), process)
    }

    /// Path and body of what was sent under that transaction id.
    pub(crate) fn sent(&self, transaction: &str) -> Option<(String, Bytes)> {
        self.seen().sent.get(transaction).cloned()
    }

    /// How often the homeserver failed on what was sent under that transaction id, or
    /// on what was asked before that about its room.
    pub(crate) fn server_errors(&self, transaction: &str, room: &str) -> u32 {
        let seen = self.seen();
        let errors = |of: &str| seen.server_errors.get(of).copied().unwrap_or_default();
        errors(transaction) + errors(room)
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

/// A handler at work.
pub(crate) struct Busy(Arc<Watch>, u32);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(handled) = self.0.seen().handled.get_mut(&self.1) {
            *handled = handled.saturating_sub(1);
        }
    }
}

impl Seen {
    fn ended(&mut self, process: u32) {
        if let Some(under_way) = self.under_way.get_mut(&process) {
            *under_way = under_way.saturating_sub(1);
        }
    }

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
        let until = Instant::now() + asked_wait(response);
        self.latest_limit = self.latest_limit.max(Some(until));
        if asked.class == Class::Other {
            return;
        }
        let known = self
            .limits
            .entry((asked.process, asked.class))
            .or_insert(until);
        *known = until.max(*known);
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
