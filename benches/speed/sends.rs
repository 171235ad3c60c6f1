//! Messages sent: from the outbox to what is written down as sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use matrix_bridge::{
    Account, Action, Batch, Clock, CommitOutcome, Context, Event, HandlerError, Identity, NewRow,
    RawJson, Settings, StateStore, SystemClock, Timestamp,
    ruma::{RoomId, UserId},
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Result,
    homeserver::{Homeserver, USER, pages},
    outbox,
    plain::Plain,
    running::{Fresh, Running, has_sent_all},
    took::Took,
};

/// Both sides of the questions about sending.
pub(crate) struct Sends {
    pub(crate) homeserver: Homeserver,
    plain: Plain,
    pub(crate) rows: Vec<NewRow>,
    requests: Arc<Vec<Request>>,
    pub(crate) in_flight: usize,
}

struct Request {
    url: String,
    body: String,
}

impl Sends {
    /// So many messages to each of so many rooms, of which one each is under way at once.
    pub(crate) fn prepare(lanes: usize, messages: usize) -> Result<Self> {
        let homeserver = Homeserver::start(vec![pages::quiet(0, USER)?])?;
        let now = SystemClock.now();
        let rows = (0..lanes * messages)
            .map(|index| row(index % lanes, index, now))
            .collect::<Result<Vec<_>>>()?;
        let base = homeserver.base_url();
        let requests = rows.iter().filter_map(|row| request(&base, row));
        Ok(Self {
            plain: Plain::new()?,
            requests: Arc::new(requests.collect()),
            homeserver,
            rows,
            in_flight: lanes,
        })
    }

    /// A bot that finds the rows in its outbox. It also asks once for each room whether
    /// it is encrypted, and for news, of which there are none.
    pub(crate) async fn ours(&self) -> Result<Took> {
        let fresh = Fresh::store()?;
        enqueue(&*fresh.store, self.rows.clone()).await?;
        let received = self.homeserver.count_messages(self.rows.len());
        let handler = |_: Event, _: Context| std::future::ready(Ok::<_, HandlerError>(()));
        let settings = Settings {
            in_flight: self.in_flight.max(Settings::default().in_flight),
            ..Settings::default()
        };
        let base_url = self.homeserver.base_url();
        let running = Running::start(base_url, &fresh, settings, Arc::new(handler)).await?;
        let count = self.rows.len();
        running.until(count, &received, has_sent_all).await
    }

    /// The same requests, as many at once, without a queue.
    pub(crate) async fn plain(&self) -> Result<Took> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers: JoinSet<Result<()>> = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..self.in_flight {
            let (plain, requests, next) = (self.plain.clone(), self.requests.clone(), next.clone());
            workers.spawn(async move {
                while let Some(Request { url, body }) =
                    requests.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    plain.put(url, body.clone()).await?;
                }
                Ok(())
            });
        }
        while let Some(worker) = workers.join_next().await {
            worker??;
        }
        Ok(Took::new(self.requests.len(), begun.elapsed()))
    }
}

/// Puts rows into the outbox, in one commit.
pub(crate) async fn enqueue(store: &impl StateStore, rows: Vec<NewRow>) -> Result<()> {
    let mut batch = Batch::new(Account::new(USER), SystemClock.now());
    batch.rows = rows;
    match store.commit(batch).await? {
        CommitOutcome::Applied => Ok(()),
        CommitOutcome::Stale(_) => Err("the rows were not enqueued".into()),
    }
}

/// A message to a room.
pub(crate) fn row(room: usize, index: usize, now: Timestamp) -> Result<NewRow> {
    let sender = Identity {
        user: UserId::parse(USER)?,
        device: Some("BENCH".into()),
    };
    let content = RawJson::from_value(&json!({
        "msgtype": "m.notice",
        "body": format!("{index} items were moved from the old list to the new one"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("<b>{index}</b> items were moved from the old list to the new one"),
        "m.mentions": {},
    }))?;
    let room = RoomId::parse(pages::room_id(room))?;
    Ok(outbox::message(sender, room, index, content, now))
}

/// The request that the client makes of a row.
fn request(base: &str, row: &NewRow) -> Option<Request> {
    let Action::Message {
        event_type,
        content,
    } = &row.body.action
    else {
        return None;
    };
    let (room, transaction) = (row.body.address.room(), &row.transaction_id);
    Some(Request {
        url: format!("{base}/_matrix/client/v3/rooms/{room}/send/{event_type}/{transaction}"),
        body: content.as_str().to_owned(),
    })
}
