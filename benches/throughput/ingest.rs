//! Events taken in: from the homeserver to the commit.

use std::sync::Arc;

use axum::http::Method;
use matrix_bridge::{
    Client, Context, Event, HandlerError, Position, Source, SqliteStore, StateStore, SyncSettings,
    SyncSource,
};
use tokio::time::Instant;

use crate::{
    Result, Took,
    arguments::Sizes,
    counter::Counter,
    homeserver::Homeserver,
    pages,
    plain::{Plain, TOKEN},
    running::{Fresh, Running},
};

/// One pass of the baseline is too short to stand beside ours.
const BASELINE_PASSES: usize = 5;

/// Both sides of the first question.
pub(crate) struct Ingest {
    homeserver: Homeserver,
    plain: Plain,
    /// The requests that a bot makes.
    urls: Vec<String>,
    events: usize,
    last: Position,
}

impl Ingest {
    /// Renders the answers, and lets a bot run once to take down its requests.
    pub(crate) async fn prepare(sizes: &Sizes) -> Result<Self> {
        let homeserver = Homeserver::start(pages::render(sizes)?)?;
        let mut ingest = Self {
            homeserver,
            plain: Plain::new()?,
            urls: Vec::new(),
            events: sizes.rooms * sizes.events * sizes.pages,
            last: Position::new(pages::token(sizes.pages)),
        };
        ingest.ours().await?;
        let base = ingest.homeserver.base_url();
        let syncs = ingest.homeserver.take_syncs();
        ingest.urls = syncs.iter().map(|sync| format!("{base}{sync}")).collect();
        Ok(ingest)
    }

    /// A bot, from its start to the commit of the last page.
    pub(crate) async fn ours(&self) -> Result<Took> {
        let fresh = Fresh::store()?;
        let handled = Arc::new(Counter::up_to(self.events));
        let counter = handled.clone();
        let handler = move |_: Event, _: Context| {
            counter.add();
            std::future::ready(Ok::<_, HandlerError>(()))
        };
        let client = Client::connect(self.homeserver.base_url(), TOKEN).await?;
        let source = SyncSource::new(client, SyncSettings::default())
            .id()
            .clone();
        let has_all = async |store: &SqliteStore| {
            Ok(store.checkpoint(&source).await?.position.as_ref() == Some(&self.last))
        };
        let running = Running::start(&self.homeserver, &fresh, Arc::new(handler)).await?;
        running.until(self.events, &handled, has_all).await
    }

    /// The same requests, one after the other, because each needs the former's answer.
    pub(crate) async fn baseline(&self) -> Result<Took> {
        let begun = Instant::now();
        for _ in 0..BASELINE_PASSES {
            for url in &self.urls {
                self.plain.exchange(Method::GET, url, String::new()).await?;
            }
        }
        Ok(Took::new(BASELINE_PASSES * self.events, begun.elapsed()))
    }
}
