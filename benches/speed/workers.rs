//! Several bots of one account on one database.

use crate::{Result, sends::Sends, took::Took};

#[cfg(not(feature = "postgres"))]
impl Sends {
    /// Nobody can say without the store.
    pub(crate) async fn shared(&self, _url: &str, _workers: usize) -> Result<Took> {
        Err("the question about workers takes `--features postgres`".into())
    }
}

#[cfg(feature = "postgres")]
mod shared {
    use std::{sync::Arc, time::Duration};

    use matrix_bridge::{
        Bot, Client, Context, Event, HandlerError, OutboundQueue as _, PostgresConfig,
        PostgresStore, PruneLimits, Settings, StateStore as _, Timestamp,
    };
    use tokio::{
        task::JoinSet,
        time::{Instant, sleep, timeout},
    };
    use tokio_util::sync::CancellationToken;

    use super::{Result, Sends, Took};
    use crate::{plain::TOKEN, running::PATIENCE, sends};

    impl Sends {
        /// So many bots, each with connections of its own, find the rows in the outbox that
        /// they share. One of them follows the rooms; the others ask about a room before
        /// each message.
        pub(crate) async fn shared(&self, url: &str, workers: usize) -> Result<Took> {
            let mut stores = Vec::new();
            for _ in 0..workers {
                stores.push(Arc::new(PostgresConfig::new(url)?.open().await?));
            }
            forget(&stores[0]).await?;
            sends::enqueue(&*stores[0], self.rows.clone()).await?;
            let received = self.homeserver.count_messages(self.rows.len());
            let stop = CancellationToken::new();
            let begun = Instant::now();
            let mut bots = JoinSet::new();
            for store in &stores {
                let client = Client::connect(self.homeserver.base_url(), TOKEN).await?;
                let handler = |_: Event, _: Context| std::future::ready(Ok::<_, HandlerError>(()));
                let settings = Settings {
                    in_flight: (self.in_flight / workers).max(8),
                    ..Settings::default()
                };
                let bot = Bot::with_parts(client, store.clone(), Arc::new(handler));
                bots.spawn(bot.with_settings(settings).run(stop.clone()));
            }
            timeout(PATIENCE, received.reached()).await?;
            while stores[0].depth().await?.waiting > 0 {
                sleep(Duration::from_millis(1)).await;
            }
            let span = begun.elapsed();
            stop.cancel();
            while let Some(ended) = bots.join_next().await {
                ended??;
            }
            for store in stores {
                store.close().await?;
            }
            Ok(Took::new(self.rows.len(), span))
        }
    }

    /// The rows of the round before: their keys are to be new again.
    async fn forget(store: &PostgresStore) -> Result<()> {
        let limits = PruneLimits {
            marks_before: Timestamp(0),
            marks_max: u64::MAX,
            records_before: Timestamp(u64::MAX),
            records_max: 0,
            parked_events_max: 0,
            parked_rows_max: 0,
        };
        while store.prune(limits).await?.has_more {}
        Ok(())
    }
}
