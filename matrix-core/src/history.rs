//! What a room's source left out, read from the room's history.

use std::fmt;

use async_trait::async_trait;
use ruma::{OwnedRoomId, RoomId};
use serde::{Deserialize, Serialize};

use crate::{LastSeen, RawJson, SourceError, Timestamp};

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
    /// The last event that was received before the gap. Without one the gap ends where
    /// we came into the room.
    pub last_seen: Option<LastSeen>,
    /// How it came about.
    pub cause: GapCause,
    /// When it was found.
    pub found: Timestamp,
    /// How many events were read so far; a page without any counts as one.
    #[serde(default)]
    pub read: u64,
    /// How long reading took so far, in milliseconds, outages apart.
    #[serde(default)]
    pub spent: u64,
    /// Whether we were out of the room at the place where reading goes on: what was said
    /// there was not said to us.
    #[serde(default)]
    pub is_out: bool,
    /// Whether the room was encrypted there. What was said before it turned so is
    /// handled like any other event.
    #[serde(default)]
    pub is_encrypted: bool,
    /// Why the rest stays out, once that is decided; handlers are then to be told.
    #[serde(default)]
    pub end: Option<GapEnd>,
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
    /// There may be none: whether the source went past something is being looked up.
    Doubt,
}

impl GapCause {
    /// Every cause of a gap that is one, so that each is counted from 0.
    pub const ALL: [Self; 3] = [Self::Limited, Self::PositionLost, Self::Skipped];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::PositionLost => "position_lost",
            Self::Skipped => "skipped",
            Self::Doubt => "doubt",
        }
    }
}

/// Why a gap was given up before it was filled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapEnd {
    /// There were more events than [`Settings::gap_events`](crate::Settings::gap_events).
    Events,
    /// It took longer than [`Settings::gap_time`](crate::Settings::gap_time).
    Time,
    /// The homeserver does not show them: we left the room, or its history is hidden.
    Refused,
}

impl GapEnd {
    /// Every reason, so that each is counted from 0.
    pub const ALL: [Self; 3] = [Self::Events, Self::Time, Self::Refused];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Time => "time",
            Self::Refused => "refused",
        }
    }
}

/// Events of a room that were not received and will not be: a hole in its order.
///
/// They lie after [`last_seen`](Self::last_seen) and before whatever is handled next in
/// the room.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missed {
    /// The room.
    pub room: OwnedRoomId,
    /// The last event before the hole, if there was one.
    pub last_seen: Option<LastSeen>,
    /// How it came about.
    pub cause: GapCause,
    /// Why it was not filled.
    pub end: GapEnd,
}
