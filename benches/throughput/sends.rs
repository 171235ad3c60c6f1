//! Messages sent: from the outbox to what is written down as sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::Method;
use matrix_bridge::{
    Account, Action, Batch, Clock, CommitOutcome, Context, Event, HandlerError, Identity, NewRow,
    RawJson, Settings, StateStore, SystemClock, Timestamp, ruma::UserId,
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Result, Took,
    arguments::Sizes,
    homeserver::{Homeserver, USER},
    outbox, pages,
    plain::Plain,
    running::{Fresh, Running, has_sent_all},
};

/// Both sides of the second question.
pub(crate) struct Sends {
    homeserver: Homeserver,
    plain: Plain,
    rows: Vec<NewRow>,
    requests: Arc<Vec<Request>>,
}

struct Request {
    url: String,
    body: String,
}

impl Sends {
    pub(crate) fn prepare(sizes: &Sizes) -> Result<Self> {
        let homeserver = Homeserver::start(vec![pages::nothing_new()])?;
        let now = SystemClock.now();
        let rows = (0..sizes.lanes * sizes.messages)
            .map(|index| row(index, sizes.lanes, now))
            .collect::<Result<Vec<_>>>()?;
        let base = homeserver.base_url();
        let requests = rows.iter().filter_map(|row| request(&base, row));
        Ok(Self {
            plain: Plain::new()?,
            requests: Arc::new(requests.collect()),
            homeserver,
            rows,
        })
    }

    /// A bot that finds the rows in its outbox. It also asks once for each room whether
    /// it is encrypted, and for news, of which there are none.
    pub(crate) async fn ours(&self) -> Result<Took> {
        let fresh = Fresh::store()?;
        let account = Account::new(USER);
        let mut batch = Batch::new(account, SystemClock.now());
        batch.rows.clone_from(&self.rows);
        if fresh.store.commit(batch).await? != CommitOutcome::Applied {
            return Err("the rows were not enqueued".into());
        }
        let received = self.homeserver.count_messages(self.rows.len());
        let handler = |_: Event, _: Context| std::future::ready(Ok::<_, HandlerError>(()));
        let running = Running::start(&self.homeserver, &fresh, Arc::new(handler)).await?;
        let count = self.rows.len();
        running.until(count, &received, has_sent_all).await
    }

    /// The same requests, as many at once as the bot makes.
    pub(crate) async fn baseline(&self) -> Result<Took> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..Settings::default().in_flight {
            let (plain, requests, next) = (self.plain.clone(), self.requests.clone(), next.clone());
            workers.spawn(async move {
                while let Some(Request { url, body }) =
                    requests.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    plain.exchange(Method::PUT, url, body.clone()).await?;
                }
                Result::Ok(())
            });
        }
        while let Some(worker) = workers.join_next().await {
            worker??;
        }
        Ok(Took::new(self.requests.len(), begun.elapsed()))
    }
}

fn row(index: usize, lanes: usize, now: Timestamp) -> Result<NewRow> {
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
    let room = pages::room_id(index % lanes)?;
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
