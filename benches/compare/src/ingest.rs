//! Events taken in: from the homeserver to the store and a handler.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use matrix_sdk::ruma::events::room::message::OriginalSyncRoomMessageEvent;

use crate::{
    Result, Took,
    homeserver::{
        Homeserver, USER,
        pages::{self, News},
    },
    session,
};

/// From the first position to that after the last page.
pub(crate) async fn run(rooms: usize, events: usize, pages: usize) -> Result<Took> {
    let news = News {
        rooms,
        events,
        pages,
    };
    let homeserver = Homeserver::start(pages::render(&news, USER)?)?;
    let (client, _folder) = session::open(&homeserver).await?;
    client.sync_once(session::settings()).await?;
    homeserver.open();
    let bytes = Arc::new(AtomicUsize::new(0));
    let read = bytes.clone();
    client.add_event_handler(move |event: OriginalSyncRoomMessageEvent| {
        read.fetch_add(event.content.body().len(), Ordering::Relaxed);
        std::future::ready(())
    });
    let begun = Instant::now();
    for _ in 0..news.pages {
        client.sync_once(session::settings()).await?;
    }
    let span = begun.elapsed();
    if bytes.load(Ordering::Relaxed) == 0 {
        return Err("the handler was not called".into());
    }
    Ok(Took {
        count: news.count(),
        span,
    })
}
