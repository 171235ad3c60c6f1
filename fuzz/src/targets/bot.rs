//! The whole engine with the example's commands, in virtual time, before a homeserver
//! that answers `/sync` from a list.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use matrix_bridge::{Bot, Client, EngineError, EngineHandle, Health, MemoryStore, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::canned::{Answer, client};
use crate::commands;

/// A question in a room of its own, to see whether the bot still answers.
const PROBE: &str = r#"{"next_batch":"probe","rooms":{"join":{"!probe:testkit.local":{"timeline":
    {"events":[{"event_id":"$probe","sender":"@alice:testkit.local","type":"m.room.message",
    "content":{"msgtype":"m.text","body":"!ping"}}]}}}}}"#;
const PROBE_ROOM: &str = "/_matrix/client/v3/rooms/!probe:testkit.local/send/";

/// Longer than anybody asks to wait, and much longer than any backoff.
const PATIENCE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// What the bot did.
#[derive(Debug)]
pub(super) struct Seen {
    /// The paths and bodies of its sends, in order; the answer to the probe is the last.
    pub(super) sends: Vec<(String, Bytes)>,
    /// How it said it was at the end.
    pub(super) health: Health,
}

/// Gives the bot an empty first sync, then `answers`, and then asks it something.
///
/// It panics if the bot does not answer.
pub(super) async fn converse(answers: Vec<Answer>) -> Seen {
    let patience = PATIENCE * u32::try_from(answers.len() + 1).unwrap_or(u32::MAX);
    let homeserver = Homeserver::new(answers);
    let mut probed = homeserver.probed.subscribe();
    let homeserver = Arc::new(homeserver);
    let theirs = homeserver.clone();
    let client = client(move |request| theirs.answer(request)).await;
    let (handle, stop, task) = start(client);

    let probed = tokio::time::timeout(patience, probed.wait_for(|probed| *probed));
    // What it gives back is a lock, which must not be held on.
    let is_probed = probed.await.is_ok();
    let health = handle.health().health();
    assert!(is_probed, "the bot does not answer any more: {health:?}");
    stop.cancel();
    let ended = task.await.expect("the engine does not panic");
    ended.expect("the store is in memory");
    let sends = std::mem::take(
        &mut *homeserver
            .sends
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    Seen { sends, health }
}

type Ended = tokio::task::JoinHandle<Result<(), EngineError>>;

fn start(client: Client) -> (EngineHandle, CancellationToken, Ended) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let bot = Bot::with_parts(client, store, Arc::new(commands::router()));
    let (handle, stop) = (bot.handle(), CancellationToken::new());
    let task = tokio::spawn(bot.run(stop.clone()));
    (handle, stop, task)
}

struct Homeserver {
    syncs: Mutex<VecDeque<Answer>>,
    sends: Mutex<Vec<(String, Bytes)>>,
    probed: watch::Sender<bool>,
}

impl Homeserver {
    fn new(answers: Vec<Answer>) -> Self {
        let mut syncs = VecDeque::from(answers);
        syncs.push_front(Answer::ok(r#"{"next_batch":"start"}"#));
        syncs.push_back(Answer::ok(PROBE));
        Self {
            syncs: Mutex::new(syncs),
            sends: Mutex::default(),
            probed: watch::Sender::new(false),
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> Option<Answer> {
        let path = request.uri().path();
        if path == "/_matrix/client/v3/sync" {
            return self
                .syncs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
        }
        if request.method() == Method::GET {
            let body = r#"{"errcode":"M_NOT_FOUND","error":"not here"}"#;
            return Some(Answer::refusal(StatusCode::NOT_FOUND, body));
        }
        // As for a thread whose root is not there: the row goes on without it.
        let body = request.body();
        if body.windows(8).any(|part| part == b"m.thread") {
            let body = r#"{"errcode":"M_UNKNOWN","error":"Can't start threads"}"#;
            return Some(Answer::refusal(StatusCode::BAD_REQUEST, body));
        }
        let mut sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        sends.push((path.to_owned(), body.clone()));
        if path.starts_with(PROBE_ROOM) {
            self.probed.send_replace(true);
        }
        Some(Answer::ok(r#"{"event_id":"$sent"}"#))
    }
}
