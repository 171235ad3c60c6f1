//! Events taken in: from the homeserver to the commit.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use axum::body::Bytes;
use matrix_bridge::{
    Context, Effects, Event, EventHandler, HandlerError, Position, Settings, SourceId,
    ruma::api::{IncomingResponseExt as _, client::sync::sync_events},
};
use tokio::time::Instant;

use crate::{
    Result,
    homeserver::{
        Homeserver, USER,
        counter::Counter,
        pages::{self, News},
    },
    plain::Plain,
    running::{Fresh, Running, is_at},
    took::Took,
};

/// One pass of a baseline is too short to stand beside ours.
const BASELINE_PASSES: usize = 3;

/// A handler that reads the body of each message, as those of hosts do.
#[derive(Debug)]
struct Reader {
    handled: Arc<Counter>,
    bytes: AtomicUsize,
}

#[async_trait]
impl EventHandler for Reader {
    async fn handle(&self, event: Event, _: Context) -> Result<Effects, HandlerError> {
        if let Some(text) = event.text() {
            self.bytes.fetch_add(text.len(), Ordering::Relaxed);
        }
        self.handled.add();
        Ok(Effects::none())
    }
}

/// Takes everything in from the homeserver at `base_url`, into a new store. `open` is
/// called, and the watch started, when the first answer is committed: it is of another
/// kind than all others.
pub(crate) async fn take_in(base_url: String, news: &News, open: impl Fn()) -> Result<Took> {
    let fresh = Fresh::store()?;
    let source = SourceId::new(format!("sync/{USER}"));
    let handled = Arc::new(Counter::up_to(news.count()));
    let handler = Arc::new(Reader {
        handled: handled.clone(),
        bytes: AtomicUsize::new(0),
    });
    let mut running = Running::start(base_url, &fresh, Settings::default(), handler).await?;
    let first = Position::new(pages::token(0));
    running.begin_after(&source, &first).await?;
    open();
    let last = Position::new(pages::token(news.pages));
    let has_all = async |store: &_| is_at(store, &source, &last).await;
    running.until(news.count(), &handled, has_all).await
}

/// All sides of the first question.
pub(crate) struct Ingest {
    pub(crate) homeserver: Homeserver,
    pub(crate) news: News,
    plain: Plain,
    /// The requests that a bot makes for news.
    urls: Vec<String>,
}

impl Ingest {
    /// Renders the answers, and lets a bot run once to take down its requests.
    pub(crate) async fn prepare(news: News) -> Result<Self> {
        let homeserver = Homeserver::start(pages::render(&news, USER)?)?;
        let mut ingest = Self {
            homeserver,
            news,
            plain: Plain::new()?,
            urls: Vec::new(),
        };
        ingest.ours().await?;
        let base = ingest.homeserver.base_url();
        let syncs = ingest.homeserver.take_syncs();
        let news = syncs.iter().filter(|sync| sync.contains("since="));
        ingest.urls = news.map(|sync| format!("{base}{sync}")).collect();
        Ok(ingest)
    }

    /// A bot, from its first position to the commit of the last.
    pub(crate) async fn ours(&self) -> Result<Took> {
        self.homeserver.shut();
        let base_url = self.homeserver.base_url();
        take_in(base_url, &self.news, || self.homeserver.open()).await
    }

    /// The same requests, one after the other, because each needs the former's answer.
    pub(crate) async fn fetched(&self) -> Result<Took> {
        self.homeserver.open();
        let begun = Instant::now();
        for url in (0..BASELINE_PASSES).flat_map(|_| &self.urls) {
            self.plain.drain(url).await?;
        }
        Ok(self.took(begun))
    }

    /// The same, read into ruma's types, with the events left raw.
    pub(crate) async fn parsed(&self) -> Result<Took> {
        self.homeserver.open();
        let begun = Instant::now();
        let mut events = 0;
        for url in (0..BASELINE_PASSES).flat_map(|_| &self.urls) {
            events += parse(&self.plain.get(url).await?)?;
        }
        if events != BASELINE_PASSES * self.news.count() {
            return Err(format!("{events} events were parsed").into());
        }
        Ok(self.took(begun))
    }

    fn took(&self, begun: Instant) -> Took {
        Took::new(BASELINE_PASSES * self.news.count(), begun.elapsed())
    }
}

/// How many events an answer holds.
fn parse(body: &Bytes) -> Result<usize> {
    let response = axum::http::Response::new(&**body);
    let response = sync_events::v3::Response::try_from_http_response(response)?;
    let rooms = response.rooms.join.values();
    Ok(rooms.map(|room| room.timeline.events.len()).sum())
}
