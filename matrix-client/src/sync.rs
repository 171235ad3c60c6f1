//! `/sync` as a source of events.

use std::time::Duration;

use async_trait::async_trait;
use matrix_bridge_core::{
    Position, RoomBatch, Section, Source, SourceBatch, SourceError, SourceId,
    ruma::presence::PresenceState,
};
use ruma::api::client::{
    filter::{Filter, FilterDefinition, LazyLoadOptions, RoomEventFilter, RoomFilter},
    sync::sync_events,
};

use crate::{Client, ClientError, limits, sync_body::read};

/// So many events of a room at once; more come with a gap.
const TIMELINE: u32 = 1_000;

/// The state that says how to act in a room.
const STATE: [&str; 3] = ["m.room.encryption", "m.room.tombstone", "m.room.create"];

/// The part of it without which a room must not be handled.
const HEAD_STATE: [&str; 2] = ["m.room.encryption", "m.room.tombstone"];

/// So often in a row the homeserver may break on a position before it is found out
/// whether the position is why.
const BREAKS: u32 = 5;

/// What to ask `/sync` for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SyncSettings {
    /// How many events of each room the very first sync brings.
    pub first_timeline: u32,
    /// How long the homeserver may hold a sync without news.
    pub long_poll: Duration,
}

impl Default for SyncSettings {
    /// One event a room at first, so that there is a last one that was seen.
    fn default() -> Self {
        Self {
            first_timeline: 1,
            long_poll: limits::LONG_POLL,
        }
    }
}

/// `/sync` as a source: every room of the account, as it changes.
///
/// It writes nothing to the homeserver: the filter goes with each request, and the
/// account does not appear online through it.
#[derive(Debug)]
pub struct SyncSource {
    client: Client,
    settings: SyncSettings,
    id: SourceId,
    is_started: bool,
    /// How often in a row the homeserver broke on the position.
    breaks: u32,
}

impl SyncSource {
    /// The rooms of `client`'s account.
    #[must_use]
    pub fn new(client: Client, settings: SyncSettings) -> Self {
        let id = SourceId::new(format!("sync/{}", client.identity().user));
        Self {
            client,
            settings,
            id,
            is_started: false,
            breaks: 0,
        }
    }

    fn request(&self, position: Option<&Position>) -> sync_events::v3::Request {
        let limit = if position.is_some() {
            TIMELINE
        } else {
            self.settings.first_timeline
        };
        let mut request = sync_events::v3::Request::new();
        request.filter = Some(inline(filter(limit, &STATE)));
        request.since = position.map(|position| position.as_str().to_owned());
        request.set_presence = PresenceState::Offline;
        request.timeout = Some(match position {
            None => self.fresh(),
            Some(_) if self.is_started => self.settings.long_poll,
            // The first answer comes at once, so that it is soon known how things stand.
            Some(_) => Duration::ZERO,
        });
        request
    }

    /// A timeout that makes a question without a position a new one.
    ///
    /// Such a one is answered at once whatever its timeout, but Synapse gives the same
    /// answer again when the same question comes within two minutes.
    fn fresh(&self) -> Duration {
        const MANY: u64 = 9_973;
        Duration::from_millis(self.client.clock().now().0 % MANY)
    }

    /// Synapse breaks on some tokens that are none (500, for ever) and refuses others.
    async fn is_broken_by_position(&mut self, error: &ClientError) -> bool {
        let broke = |e: &crate::ApiError| {
            e.status == http::StatusCode::INTERNAL_SERVER_ERROR && e.errcode.is_some()
        };
        if !error.api().is_some_and(broke) {
            self.breaks = 0;
            return false;
        }
        self.breaks += 1;
        self.breaks.is_multiple_of(BREAKS) && self.heads().await.is_ok()
    }
}

#[async_trait]
impl Source for SyncSource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, position: Option<&Position>) -> Result<SourceBatch, SourceError> {
        let body = self
            .client
            .call_raw(self.request(position), limits::SYNC)
            .await;
        let result = body.and_then(|body| read(&body));
        self.is_started = result.is_ok();
        let error = match result {
            Ok(batch) => {
                self.breaks = 0;
                return Ok(batch);
            }
            Err(error) => error,
        };
        if position.is_some() && self.is_broken_by_position(&error).await {
            return Err(SourceError::Position {
                source: error.into(),
            });
        }
        Err(classify(error, position.is_some()))
    }

    async fn heads(&mut self) -> Result<Vec<RoomBatch>, SourceError> {
        let mut request = sync_events::v3::Request::new();
        request.filter = Some(inline(filter(1, &HEAD_STATE)));
        request.set_presence = PresenceState::Offline;
        request.timeout = Some(self.fresh());
        let body = self.client.call_raw(request, limits::SYNC).await;
        let batch = body.and_then(|body| read(&body));
        let mut heads = batch.map_err(|error| classify(error, false))?.rooms;
        heads.retain(|room| room.section == Section::Join);
        Ok(heads)
    }
}

const fn inline(filter: FilterDefinition) -> sync_events::v3::Filter {
    sync_events::v3::Filter::FilterDefinition(filter)
}

fn filter(timeline_limit: u32, state_types: &[&str]) -> FilterDefinition {
    let mut timeline = RoomEventFilter::default();
    timeline.limit = Some(timeline_limit.into());
    let mut state = RoomEventFilter::default();
    state.types = Some(state_types.iter().map(ToString::to_string).collect());
    state.lazy_load_options = LazyLoadOptions::Enabled {
        include_redundant_members: false,
    };
    let mut room = RoomFilter::default();
    (room.timeline, room.state) = (timeline, state);
    room.ephemeral = RoomEventFilter::ignore_all();
    room.account_data = RoomEventFilter::ignore_all();
    let mut filter = FilterDefinition::default();
    filter.room = room;
    // Presence makes even an idle sync return early.
    filter.presence = Filter::ignore_all();
    filter.account_data = Filter::ignore_all();
    filter
}

fn classify(error: ClientError, has_position: bool) -> SourceError {
    if let Some(trouble) = error.trouble() {
        return SourceError::Account {
            trouble,
            source: error.into(),
        };
    }
    // Synapse says M_UNKNOWN to a token that is none; others M_UNKNOWN_POS.
    let is_refused = |e: &crate::ApiError| {
        e.status == http::StatusCode::BAD_REQUEST && e.errcode.is_some() && !e.is_rate_limit()
    };
    if has_position && error.api().is_some_and(is_refused) {
        return SourceError::Position {
            source: error.into(),
        };
    }
    SourceError::Away {
        retry_after: error.retry_after(),
        source: error.into(),
    }
}
