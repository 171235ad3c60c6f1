//! This process among those that work on the store: it says that it is there, frees what
//! others have left that do not say so any more, and hears of what others enqueue.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use matrix_bridge_core::chain;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    PostgresConfig,
    fault::Fault,
    fields::span,
    outbox::lane,
    pool::Connections,
    session::{Session, Tx},
};

const JOIN: &str = "INSERT INTO worker (until) VALUES (ms() + $1) RETURNING id";
/// For who does not work on the store.
const NUMBER: &str = "SELECT nextval(pg_get_serial_sequence('worker', 'id')) AS id";
const RENEW: &str = "UPDATE worker SET until = ms() + $2 WHERE id = $1";
const REJOIN: &str = "\
    INSERT INTO worker (id, until) OVERRIDING SYSTEM VALUE VALUES ($1, ms() + $2) \
    ON CONFLICT (id) DO UPDATE SET until = excluded.until";
const GONE: &str = "\
    DELETE FROM worker WHERE id IN ( \
        SELECT id FROM worker WHERE until <= ms() FOR UPDATE SKIP LOCKED) RETURNING id";
/// Where claims are left, nobody says any more that we are there, and others free them.
const LEAVE: &str = "\
    DELETE FROM worker WHERE id = $1 \
    AND NOT EXISTS (SELECT 1 FROM lane WHERE worker = $1 AND token IS NOT NULL)";
const OTHERS: &str = "SELECT count(*) FROM worker WHERE id <> $1 AND until > ms()";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";
/// The numbers of each kind become one.
const ADD_UP: &str = "\
    WITH gone AS (DELETE FROM tally RETURNING kind, code, n) \
    INSERT INTO tally (kind, code, n) \
    SELECT kind, code, sum(n) FROM gone GROUP BY kind, code HAVING sum(n) <> 0";

/// This process, as others see it.
pub(crate) struct Worker {
    id: i64,
    channel: String,
    takeover: Duration,
    others: AtomicI64,
    /// Rows may have become claimable.
    pub(crate) wake: Notify,
}

/// Joins those who work on the store; returns the number that nobody else has.
pub(crate) async fn join(mut session: Session, takeover: Duration) -> Result<i64, Fault> {
    let rows = session.write(JOIN, &[&span(takeover)]).await?;
    let row = rows.first().ok_or(Fault::Slow)?;
    Ok(row.try_get("id")?)
}

/// A number that nobody else has, for who does not work on the store.
pub(crate) async fn number(mut session: Session) -> Result<i64, Fault> {
    let rows = session.write(NUMBER, &[]).await?;
    let row = rows.first().ok_or(Fault::Slow)?;
    Ok(row.try_get("id")?)
}

/// How many others work on the store.
pub(crate) async fn others(mut session: Session, id: i64) -> Result<i64, Fault> {
    let rows = session.rows(OTHERS, &[&id]).await?;
    let row = rows.first().ok_or(Fault::Slow)?;
    Ok(row.try_get("count")?)
}

impl Worker {
    pub(crate) fn new(id: i64, config: &PostgresConfig) -> Self {
        Self {
            id,
            channel: format!("matrix_bridge:{}", config.schema),
            takeover: config.takeover,
            others: AtomicI64::new(0),
            wake: Notify::new(),
        }
    }

    pub(crate) const fn id(&self) -> i64 {
        self.id
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// Says that it is there until it is told to stop.
    pub(crate) async fn keep(&self, connections: &Connections, stop: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep((self.takeover / 3).max(Duration::from_millis(10))) => {}
            }
            let beat = connections.call("saying that we are there", |session| self.beat(session));
            match beat.await {
                Ok(true) => self.wake.notify_one(),
                Ok(false) => {}
                // Others take our claims over if it lasts; then what we settle is refused.
                Err(error) => tracing::warn!("{}", chain(&error)),
            }
            self.count_others(connections).await;
        }
    }

    /// Says that it is there; true if others were found to be gone.
    async fn beat(&self, mut session: Session) -> Result<bool, Fault> {
        let tx = session.begin().await?;
        let (id, span) = (self.id, span(self.takeover));
        if tx.run(RENEW, &[&id, &span]).await? == 0 {
            tracing::warn!("this process was taken for gone; its claims are with others");
            tx.run(REJOIN, &[&id, &span]).await?;
        }
        let gone = gone(&tx).await?;
        lane::end_claims(&tx, &gone).await?;
        tx.run(ADD_UP, &[]).await?;
        tx.commit().await?;
        if !gone.is_empty() {
            tracing::info!(
                workers = gone.len(),
                "claims of processes that are gone were freed"
            );
        }
        Ok(!gone.is_empty())
    }

    /// Makes sure that it counts as there, in a transaction that claims.
    pub(crate) async fn rejoin(&self, tx: &Tx<'_>) -> Result<(), Fault> {
        tx.run(REJOIN, &[&self.id, &span(self.takeover)]).await?;
        Ok(())
    }

    /// Looks how many others there are; without an answer it stays with what it knew.
    pub(crate) async fn count_others(&self, connections: &Connections) {
        let count = connections.call("counting processes", |session| others(session, self.id));
        if let Ok(count) = count.await {
            self.others.store(count, Ordering::Relaxed);
        }
    }

    /// Tells others that rows may have become claimable. Who does not hear it looks by
    /// itself in a while.
    pub(crate) async fn tell(&self, connections: &Connections) {
        if self.others.load(Ordering::Relaxed) == 0 {
            return;
        }
        let id = self.id.to_string();
        let told = connections.call("telling others of new rows", |mut session| async move {
            session.rows(NOTIFY, &[&self.channel, &id]).await
        });
        if let Err(error) = told.await {
            tracing::debug!("{}", chain(&error));
        }
    }

    /// What another process, or we ourselves, have told.
    pub(crate) fn hear(&self, channel: &str, payload: &str) {
        if channel == self.channel && payload != self.id.to_string() {
            self.wake.notify_one();
        }
    }

    /// Leaves; what it has claimed and not settled stays claimed for a while.
    pub(crate) async fn leave(&self, connections: &Connections) {
        let left = connections.call("leaving", |mut session| async move {
            session.write(LEAVE, &[&self.id]).await
        });
        if let Err(error) = left.await {
            tracing::debug!("others find out by themselves: {}", chain(&error));
        }
    }
}

async fn gone(tx: &Tx<'_>) -> Result<Vec<i64>, Fault> {
    let rows = tx.rows(GONE, &[]).await?;
    let ids = rows.iter().map(|row| Ok(row.try_get("id")?));
    ids.collect()
}
