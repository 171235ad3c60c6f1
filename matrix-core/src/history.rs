//! What a room's source left out, read from the room's history.

use std::fmt;

use async_trait::async_trait;
use ruma::RoomId;
use serde::{Deserialize, Serialize};

use crate::{LastSeen, RawJson, SourceError};

/// Reads what was said in a room, backwards, as `/messages` does.
#[async_trait]
pub trait RoomHistory: fmt::Debug + Send + Sync + 'static {
    /// Reads one page of `room`'s history.
    ///
    /// # Errors
    ///
    /// [`SourceError`] says whether to try again, and after which pause.
    async fn page(&self, room: &RoomId, request: PageRequest) -> Result<HistoryPage, SourceError>;
}

/// Asks for one page of a room's history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageRequest {
    /// Where to begin, going backwards; `None` for the newest event.
    pub from: Option<String>,
    /// Where to end, if that is known.
    pub to: Option<String>,
    /// How many events at most; a homeserver may give fewer.
    pub limit: u32,
}

/// One page of a room's history.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// The events, newest first.
    pub events: Vec<RawJson>,
    /// Where the next page begins; `None` when there is nothing before.
    pub end: Option<String>,
}

/// Events of a room that are missing: they are read from its history, backwards, before
/// what came after them is handled.
///
/// Stores keep it as one value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Gap {
    /// Where to go on reading, backwards; `None` for the newest event.
    pub from: Option<String>,
    /// Where to end, as the source knows it.
    pub to: Option<String>,
    /// The last event that was received before the gap, where one was.
    pub last_seen: Option<LastSeen>,
    /// How it came about.
    pub cause: GapCause,
    /// How many events were read so far.
    pub read: u64,
}

/// How a gap came about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapCause {
    /// More happened at once than the source gives.
    Limited,
    /// The source's position was lost or refused.
    PositionLost,
    /// The source went past the events without giving them.
    Skipped,
}
