//! Where events come from.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use ruma::OwnedRoomId;
use tokio::sync::oneshot;

use crate::{AccountTrouble, Position, RawJson, SourceId};

/// Yields batches of events, in order.
///
/// `/sync`, appservice transactions, gap fill and backfill are all sources.
#[async_trait]
pub trait Source: fmt::Debug + Send + 'static {
    /// Its name: where its position is kept.
    fn id(&self) -> &SourceId;

    /// Waits for the batch after `position`; `None` at the very first start.
    ///
    /// It may wait as long as the other side lets it, and may be dropped while it
    /// waits. The next call's position is that of the last batch it returned, which
    /// need not be committed yet.
    ///
    /// # Errors
    ///
    /// [`SourceError`] says whether to try again, and after which pause.
    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError>;

    /// The newest event of each room that we are in, whatever the position: with it one
    /// sees whether the source went past something. A source that cannot say gives
    /// none, which is the default.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    async fn heads(&mut self) -> Result<Vec<RoomBatch>, SourceError> {
        Ok(Vec::new())
    }
}

/// What a source yields at once.
#[derive(Debug, Default)]
pub struct SourceBatch {
    /// What came for each room.
    pub rooms: Vec<RoomBatch>,
    /// Where the source stands after this batch; `None` if it has no position.
    pub position: Option<Position>,
    /// Whether this is what happened while we were away.
    pub is_catch_up: bool,
    /// How sure it is that this batch begins where the one before it ended. A source
    /// leaves the default; the engine sets it.
    pub continuity: Continuity,
    /// Parts that could not be read, each with its reason. They are counted and logged.
    pub skipped: Vec<String>,
    /// Resolves when the batch is committed; dropped if it never is.
    pub acknowledge: Option<oneshot::Sender<()>>,
}

/// How a batch is joined to the one before it.
#[derive(Clone, Debug, Default)]
pub enum Continuity {
    /// It begins where that one ended.
    #[default]
    Sure,
    /// It should, and is to be checked: this is the newest event of each room.
    Unsure(Vec<RoomBatch>),
    /// It does not: the position was refused, and this batch was read without one.
    Lost,
}

/// What came for one room.
#[derive(Clone, Debug)]
pub struct RoomBatch {
    /// The room.
    pub room: OwnedRoomId,
    /// Our place in it.
    pub section: Section,
    /// New events, in order.
    pub timeline: Vec<RawJson>,
    /// State that changed and is not in the timeline, or stripped state of an invite.
    pub state: Vec<RawJson>,
    /// Whether events are missing before the timeline.
    pub limited: bool,
    /// Where the room's history goes on backwards, before the timeline.
    pub prev_batch: Option<String>,
}

/// Our place in a room, as the source tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// We are in it.
    Join,
    /// We are invited.
    Invite,
    /// We left or were removed.
    Leave,
}

/// Why a source yields nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The other side is away or slow; the next call may succeed.
    #[error("the homeserver is away")]
    Away {
        /// How long the other side asked to wait.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The account cannot be used until a person acts.
    #[error("the account cannot be used: {trouble}")]
    Account {
        /// What is wrong with it.
        trouble: AccountTrouble,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was asked for is refused, and will be: we are not in the room any more, or
    /// its history is hidden from us.
    #[error("the homeserver refuses")]
    Refused {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The position is refused: it is not one of this homeserver's.
    #[error("the homeserver refuses the sync token")]
    Position {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
