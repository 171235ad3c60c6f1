//! A homeserver that knows its answers beforehand.
//!
//! It runs on a thread of its own, so that its work is neither ours nor the baseline's,
//! and does as little of it as can be.

pub(crate) mod counter;
pub(crate) mod pages;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, put},
    serve::ListenerExt as _,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::counter::Counter;
use crate::Result;

/// Who everybody is.
pub(crate) const USER: &str = "@bot:example.org";

/// A homeserver on a loopback socket; it ends when it is dropped.
pub(crate) struct Homeserver {
    address: SocketAddr,
    answers: Arc<Answers>,
    _stop: DropGuard,
}

struct Answers {
    pages: Vec<Bytes>,
    /// Whether there is more than the first page.
    is_open: watch::Sender<bool>,
    /// The `/sync` requests that were answered, path and query.
    syncs: Mutex<Vec<String>>,
    /// Counts messages until somebody else wants to know.
    messages: Mutex<Arc<Counter>>,
}

impl Homeserver {
    /// A homeserver that gives `pages` to `/sync` one after the other, those after the
    /// first once it is [opened](Self::open), and then lets it wait.
    pub(crate) fn start(pages: Vec<Bytes>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let answers = Arc::new(Answers {
            pages,
            is_open: watch::Sender::new(false),
            syncs: Mutex::default(),
            messages: Mutex::new(Arc::new(Counter::up_to(usize::MAX))),
        });
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serve = serve(listener, answers.clone());
        let stopped = stop.clone();
        thread::Builder::new()
            .name("homeserver".to_owned())
            .spawn(move || runtime.block_on(stopped.run_until_cancelled_owned(serve)))?;
        Ok(Self {
            address,
            answers,
            _stop: stop.drop_guard(),
        })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets news through from now on.
    pub(crate) fn open(&self) {
        self.answers.is_open.send_replace(true);
    }

    /// Holds news back from now on.
    pub(crate) fn shut(&self) {
        self.answers.is_open.send_replace(false);
    }

    /// The `/sync` requests since somebody asked last, path and query.
    pub(crate) fn take_syncs(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.answers.syncs))
    }

    /// Counts the messages that come from now on.
    pub(crate) fn count_messages(&self, target: usize) -> Arc<Counter> {
        let counter = Arc::new(Counter::up_to(target));
        *lock(&self.answers.messages) = counter.clone();
        counter
    }
}

async fn serve(listener: TcpListener, answers: Arc<Answers>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // Without it only small answers get slower.
        let _ = stream.set_nodelay(true);
    });
    let path = |rest| format!("/_matrix/client{rest}");
    let router = Router::new()
        .route(&path("/versions"), get(versions))
        .route(&path("/v3/account/whoami"), get(whoami))
        .route(&path("/v3/sync"), get(sync))
        .route(
            &path("/v3/rooms/{room}/send/{type}/{transaction}"),
            put(send),
        )
        .route(&path("/v3/rooms/{room}/state/{type}/"), get(no_state))
        .with_state(answers);
    axum::serve(listener, router).await
}

async fn versions() -> Json<Value> {
    Json(json!({"versions": ["v1.1", "v1.11"]}))
}

async fn whoami() -> Json<Value> {
    Json(json!({"user_id": USER, "device_id": "BENCH"}))
}

async fn sync(State(answers): State<Arc<Answers>>, uri: Uri) -> Response {
    let parts = uri.query().unwrap_or_default().split('&');
    let since = parts.filter_map(|part| part.strip_prefix("since=")).next();
    let page = pages::after(since).and_then(|index| answers.pages.get(index));
    let Some(page) = page else {
        return std::future::pending().await;
    };
    if since.is_some() {
        // The sender is ours: it does not go away.
        let _ = answers.is_open.subscribe().wait_for(|open| *open).await;
    }
    lock(&answers.syncs).push(uri.to_string());
    ([(CONTENT_TYPE, "application/json")], page.clone()).into_response()
}

async fn send(State(answers): State<Arc<Answers>>, _: Bytes) -> Response {
    let counter = lock(&answers.messages).clone();
    let body = format!(r#"{{"event_id":"${:043}"}}"#, counter.add());
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn no_state() -> (StatusCode, Json<Value>) {
    let body = json!({"errcode": "M_NOT_FOUND", "error": "no such state"});
    (StatusCode::NOT_FOUND, Json(body))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
