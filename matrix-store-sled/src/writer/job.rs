//! One call that writes, on its way through the writer.

use matrix_bridge_core::{StoreError, StoreErrorKind};
use tokio::sync::oneshot;

use super::group::Ending;
use crate::{fault::Fault, tree::View};

/// A call that writes, whatever it answers.
pub(crate) trait Job: Send {
    /// Does the work. Answers whether it is to stand.
    fn run(&mut self, view: &mut View) -> bool;

    /// Tells the caller, now that it is known how the batch ended.
    fn answer(self: Box<Self>, ending: &Ending);
}

type Run<T> = Box<dyn FnOnce(&mut View) -> Result<T, Fault> + Send>;

/// A [`Job`] that answers with a `T`.
pub(crate) struct Call<T> {
    doing: &'static str,
    run: Option<Run<T>>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send + 'static> Call<T> {
    /// The job, and where its answer arrives.
    pub(crate) fn boxed(
        doing: &'static str,
        run: impl FnOnce(&mut View) -> Result<T, Fault> + Send + 'static,
    ) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        let call = Self {
            doing,
            run: Some(Box::new(run)),
            result: None,
            caller,
        };
        (Box::new(call), answer)
    }
}

impl<T: Send> Job for Call<T> {
    fn run(&mut self, view: &mut View) -> bool {
        let Some(run) = self.run.take() else {
            return false;
        };
        let result = run(view).map_err(|fault| fault.into_store_error(self.doing));
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
