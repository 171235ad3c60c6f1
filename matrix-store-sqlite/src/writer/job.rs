//! One call that writes, on its way through the writer.

use matrix_bridge_core::{Digest, StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::group::Ending;
use crate::{
    fault::Fault,
    marks::{Marks, Staged},
};

/// What a job works on: the connection, in a transaction, and the marks.
pub(crate) struct Work<'a> {
    pub(crate) connection: &'a Connection,
    /// As of the last commit.
    pub(crate) marks: &'a Marks,
    /// What earlier jobs of the transaction will change.
    pub(super) group: &'a Staged,
    /// What this job will change.
    pub(crate) staged: Staged,
}

impl Work<'_> {
    /// Whether the event is marked, as this job sees it.
    pub(crate) fn is_marked(&self, event: &Digest) -> bool {
        self.staged.added.contains(event)
            || self.group.added.contains(event)
            || self.marks.is_marked(event)
    }
}

/// A call that writes, whatever it answers.
pub(crate) trait Job: Send {
    /// Whether it wants a transaction of its own.
    fn is_alone(&self) -> bool;

    /// Does the work. Answers whether it is to stand.
    fn run(&mut self, work: &mut Work<'_>) -> bool;

    /// Tells the caller, now that it is known how the transaction ended.
    fn answer(self: Box<Self>, ending: &Ending);
}

type Run<T> = Box<dyn FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send>;

/// A [`Job`] that answers with a `T`.
pub(crate) struct Call<T> {
    doing: &'static str,
    is_alone: bool,
    run: Option<Run<T>>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send + 'static> Call<T> {
    /// The job, and where its answer arrives.
    pub(crate) fn boxed(
        doing: &'static str,
        is_alone: bool,
        run: impl FnOnce(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        let call = Self {
            doing,
            is_alone,
            run: Some(Box::new(run)),
            result: None,
            caller,
        };
        (Box::new(call), answer)
    }
}

impl<T: Send> Job for Call<T> {
    fn is_alone(&self) -> bool {
        self.is_alone
    }

    fn run(&mut self, work: &mut Work<'_>) -> bool {
        let Some(run) = self.run.take() else {
            return false;
        };
        let result = run(work).map_err(|fault| fault.into_store_error(self.doing));
        let is_ok = result.is_ok();
        self.result = Some(result);
        is_ok
    }

    fn answer(self: Box<Self>, ending: &Ending) {
        let doing = self.doing;
        let answer = match (self.result, ending) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(answer)), Ending::Committed) => Ok(answer),
            (_, Ending::Failed { kind, source }) => {
                Err(StoreError::new(*kind, doing).with_source(source.clone()))
            }
            (_, Ending::Closed) => Err(StoreError::new(StoreErrorKind::Closed, doing)),
            (None, Ending::Committed) => Err(StoreError::new(StoreErrorKind::Unavailable, doing)),
        };
        // A caller that went away does not want it any more.
        let _gone = self.caller.send(answer);
    }
}
