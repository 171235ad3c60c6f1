//! One connection for the time of one call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::{Row, types::ToSql};

use crate::fault::Fault;

/// What a statement is given.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whether what was asked may have been done already, though nobody has said so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase(Arc<AtomicBool>);

impl Phase {
    fn set_committing(&self, is_committing: bool) {
        self.0.store(is_committing, Ordering::SeqCst);
    }

    pub(crate) fn is_committing(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One connection for the time of one call. Dropped in the middle of something it is
/// closed, so that nobody gets a connection that is still busy.
pub(crate) struct Session {
    object: Option<Object>,
    phase: Phase,
    is_idle: bool,
}

impl Session {
    pub(crate) const fn new(object: Object, phase: Phase) -> Self {
        Self {
            object: Some(object),
            phase,
            is_idle: true,
        }
    }

    /// The rows of one statement that only reads.
    pub(crate) async fn rows(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        let object = self.object()?;
        let rows = rows(object, sql, values).await?;
        self.is_idle = true;
        Ok(rows)
    }

    /// The rows of one statement that writes, and is its own transaction.
    pub(crate) async fn write(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        let phase = self.phase.clone();
        let object = self.object()?;
        let statement = object.prepare_cached(sql).await?;
        phase.set_committing(true);
        let rows = object.query(&statement, values).await?;
        phase.set_committing(false);
        self.is_idle = true;
        Ok(rows)
    }

    /// Begins a transaction, in which each statement sees what others have committed by
    /// then.
    pub(crate) async fn begin(&mut self) -> Result<Tx<'_>, Fault> {
        self.is_idle = false;
        let Some(object) = &mut self.object else {
            return Err(Fault::Slow);
        };
        Ok(Tx {
            transaction: object.transaction().await?,
            phase: &self.phase,
            is_idle: &mut self.is_idle,
        })
    }

    /// The connection, busy from now on.
    fn object(&mut self) -> Result<&Object, Fault> {
        self.is_idle = false;
        // It is there until the session is dropped.
        self.object.as_ref().ok_or(Fault::Slow)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.is_idle
        {
            drop(Object::take(object));
        }
    }
}

/// A transaction. Dropped without [`commit`](Self::commit) it is rolled back.
pub(crate) struct Tx<'a> {
    transaction: Transaction<'a>,
    phase: &'a Phase,
    is_idle: &'a mut bool,
}

impl Tx<'_> {
    /// The rows of a statement.
    pub(crate) async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        rows(&self.transaction, sql, values).await
    }

    /// The one row of a statement, if there is one.
    pub(crate) async fn row(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, values).await?.pop())
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) async fn run(&self, sql: &str, values: Values<'_>) -> Result<u64, Fault> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.execute(&statement, values).await?)
    }

    /// Runs a file of statements.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.transaction.batch_execute(sql).await?)
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        self.phase.set_committing(true);
        self.transaction.commit().await?;
        self.phase.set_committing(false);
        *self.is_idle = true;
        Ok(())
    }

    /// Undoes it.
    pub(crate) async fn roll_back(self) -> Result<(), Fault> {
        self.transaction.rollback().await?;
        *self.is_idle = true;
        Ok(())
    }
}

async fn rows(
    client: &impl GenericClient,
    sql: &str,
    values: Values<'_>,
) -> Result<Vec<Row>, Fault> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}
