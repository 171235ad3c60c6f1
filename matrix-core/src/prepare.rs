//! What must happen to a row before it is sent.

use std::fmt;

use async_trait::async_trait;

use crate::{Action, Row, SendError};

/// A step that makes a row ready to be sent: upload its media, resolve its target.
///
/// # Contract
///
/// - Steps run in order before a row is sent. What one changes is written to the row
///   durably before the next runs and before the first attempt.
/// - A step leaves a row alone that it made ready before: nothing is computed again,
///   and each attempt sends the same.
#[async_trait]
pub trait Prepare: fmt::Debug + Send + Sync + 'static {
    /// The row's action as it is to be sent; `None` if it is ready as it is.
    ///
    /// # Errors
    ///
    /// As for [`Sender::send`](crate::Sender::send), with the same consequences.
    async fn prepare(&self, row: &Row) -> Result<Option<Action>, SendError>;
}
