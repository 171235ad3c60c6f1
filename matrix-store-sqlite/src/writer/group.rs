//! Group commit: many calls, one transaction, one wait for the disk.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use matrix_bridge_core::StoreErrorKind;
use rusqlite::{Connection, ErrorCode, ffi};

use super::job::{Job, Work};
use crate::{
    fault,
    marks::{Marks, Staged},
};

/// How a transaction ended for all its jobs.
pub(crate) enum Ending {
    /// Durable.
    Committed,
    /// What it means for the caller, and why.
    Failed {
        kind: StoreErrorKind,
        source: TransactionError,
    },
    /// It was not begun: an earlier one left the store in doubt.
    Closed,
}

/// Why a transaction failed, told to each of its callers.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the transaction failed")]
pub(crate) struct TransactionError(#[source] Arc<rusqlite::Error>);

impl Ending {
    /// Nothing was written.
    fn failed(error: rusqlite::Error) -> Self {
        Self::Failed {
            kind: fault::kind(&error),
            source: TransactionError(Arc::new(error)),
        }
    }

    /// It is not known what the file holds after the next start.
    fn unknown(error: rusqlite::Error) -> Self {
        Self::Failed {
            kind: StoreErrorKind::Unknown,
            source: TransactionError(Arc::new(error)),
        }
    }
}

/// What the writer tells the rest of the store.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) marks: Marks,
    /// Set by the writer when the file is in doubt.
    pub(crate) is_poisoned: AtomicBool,
    pub(crate) transactions: AtomicU64,
    pub(crate) calls: AtomicU64,
}

/// The one connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
}

impl Writer {
    pub(crate) const fn new(connection: Connection, shared: Arc<Shared>) -> Self {
        Self { connection, shared }
    }

    /// For reading on the same connection.
    pub(crate) const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Runs all jobs in one transaction, then answers all. A job that fails undoes only
    /// its own work.
    pub(crate) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let ending = if self.shared.is_poisoned.load(Ordering::SeqCst) {
            Ending::Closed
        } else {
            self.transact(&mut jobs)
        };
        for job in jobs {
            job.answer(&ending);
        }
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Ending {
        let count = jobs.len() as u64;
        self.shared.calls.fetch_add(count, Ordering::Relaxed);
        self.shared.transactions.fetch_add(1, Ordering::Relaxed);
        let staged = match self.run_jobs(jobs) {
            Ok(staged) => staged,
            Err(error) => {
                self.roll_back();
                return Ending::failed(error);
            }
        };
        if let Err(error) = self.statement("COMMIT") {
            self.roll_back();
            return self.commit_failed(error);
        }
        self.shared.marks.apply(staged);
        Ending::Committed
    }

    fn run_jobs(&self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<Staged> {
        self.statement("BEGIN IMMEDIATE")?;
        let mut group = Staged::default();
        for job in jobs {
            self.statement("SAVEPOINT job")?;
            let mut work = Work {
                connection: &self.connection,
                marks: &self.shared.marks,
                group: &group,
                staged: Staged::default(),
            };
            let stands = job.run(&mut work);
            let staged = work.staged;
            if stands {
                group.append(staged);
            } else {
                // Fails where SQLite has already rolled back everything, as it may do
                // when the disk is full; then the whole group has failed.
                self.statement("ROLLBACK TO job")?;
            }
            self.statement("RELEASE job")?;
        }
        Ok(group)
    }

    fn roll_back(&self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.statement("ROLLBACK") {
            tracing::error!(%error, "rolling back failed; the store closes itself");
            self.poison();
        }
    }

    /// Decides what a failed `COMMIT` means.
    fn commit_failed(&self, error: rusqlite::Error) -> Ending {
        if is_known_unwritten(&error) {
            return Ending::failed(error);
        }
        // The journal may hold the commit, and after a failed fsync the next one may
        // report success for pages that were lost: whoever goes on builds on sand.
        tracing::error!(%error, "a commit failed; the store closes itself");
        self.poison();
        Ending::unknown(error)
    }

    fn poison(&self) {
        self.shared.is_poisoned.store(true, Ordering::SeqCst);
    }

    fn statement(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

/// Whether a `COMMIT` that failed so has left nothing behind that a restart could find:
/// it did not begin, or had no place for its last page.
fn is_known_unwritten(error: &rusqlite::Error) -> bool {
    let Some(failure) = error.sqlite_error() else {
        return false;
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull => true,
        ErrorCode::SystemIoFailure => failure.extended_code == ffi::SQLITE_IOERR_WRITE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use matrix_bridge_core::{Digest, StoreError};
    use tokio::sync::oneshot::Receiver;

    use super::*;
    use crate::{
        fault::{Fault, Reason},
        writer::Call,
    };

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        Writer::new(connection, Arc::default())
    }

    type Answer = Receiver<Result<(), StoreError>>;

    /// Writes a number and a mark, and then perhaps fails.
    fn insert(n: i64, fails: bool) -> (Box<dyn Job>, Answer) {
        Call::boxed("testing", false, move |work| {
            work.connection.execute("INSERT INTO t VALUES (?1)", [n])?;
            work.staged.added.insert(digest(n));
            match fails {
                true => Err(Fault::Invalid(Reason("on purpose").into())),
                false => Ok(()),
            }
        })
    }

    fn digest(n: i64) -> Digest {
        Digest::from_bytes([n.to_le_bytes(), [0; 8]].concat().try_into().unwrap())
    }

    fn numbers(writer: &Writer) -> Vec<i64> {
        let mut statement = writer.connection.prepare("SELECT n FROM t").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn kind(answer: &mut Answer) -> Option<StoreErrorKind> {
        answer.try_recv().unwrap().err().map(|error| error.kind())
    }

    #[test]
    fn a_job_that_fails_undoes_only_its_own_work() {
        let mut writer = writer();
        let (jobs, mut answers): (Vec<_>, Vec<_>) = [(1, false), (2, true), (3, false)]
            .map(|(n, fails)| insert(n, fails))
            .into_iter()
            .unzip();

        writer.run(jobs);

        let kinds: Vec<_> = answers.iter_mut().map(kind).collect();
        assert_eq!(kinds, [None, Some(StoreErrorKind::Invalid), None]);
        assert_eq!(numbers(&writer), [1, 3]);
        let is_marked = [1, 2, 3].map(|n| writer.shared.marks.is_marked(&digest(n)));
        assert_eq!(is_marked, [true, false, true]);
    }

    #[test]
    fn nobody_hears_of_success_before_the_commit() {
        let mut writer = writer();
        let (job, mut answer) = insert(1, false);
        // A transaction of somebody else on the same connection: `BEGIN` fails.
        writer.connection.execute_batch("BEGIN").unwrap();

        writer.run(vec![job]);

        assert!(kind(&mut answer).is_some());
        assert!(!writer.shared.marks.is_marked(&digest(1)));
        assert_eq!(numbers(&writer), [0_i64; 0]);
    }

    #[test]
    fn a_commit_in_doubt_closes_the_store() {
        let mut writer = writer();
        let ending = writer.commit_failed(failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(matches!(
            ending,
            Ending::Failed {
                kind: StoreErrorKind::Unknown,
                ..
            }
        ));

        let (job, mut answer) = insert(1, false);
        writer.run(vec![job]);

        assert_eq!(kind(&mut answer), Some(StoreErrorKind::Closed));
        assert_eq!(numbers(&writer), [0_i64; 0]);
    }

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn only_a_commit_that_wrote_nothing_may_be_tried_again() {
        assert!(is_known_unwritten(&failure(ffi::SQLITE_FULL)));
        assert!(is_known_unwritten(&failure(ffi::SQLITE_BUSY)));
        assert!(is_known_unwritten(&failure(ffi::SQLITE_IOERR_WRITE)));

        assert!(!is_known_unwritten(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(!is_known_unwritten(&failure(ffi::SQLITE_IOERR)));
        assert!(!is_known_unwritten(&failure(ffi::SQLITE_CORRUPT)));
    }
}
