//! `/sync` as a source of events.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_bridge_core::{
    Position, RawJson, RoomBatch, Section, Source, SourceBatch, SourceError, SourceId,
    ruma::{OwnedRoomId, presence::PresenceState},
};
use ruma::api::client::{
    filter::{Filter, FilterDefinition, LazyLoadOptions, RoomEventFilter, RoomFilter},
    sync::sync_events,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Client, ClientError, limits};

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

/// Reads an answer part by part, each raw: one bad room or event harms only itself, and
/// nothing is read deeper than its head.
fn read(body: &Bytes) -> Result<SourceBatch, ClientError> {
    let sync: WireSync<'_> =
        serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.into()))?;
    let mut batch = SourceBatch {
        position: Some(Position::new(sync.next_batch)),
        ..SourceBatch::default()
    };
    let rooms = sync.rooms.unwrap_or_default();
    for (section, rooms) in [
        (Section::Join, rooms.join),
        (Section::Invite, rooms.invite),
        (Section::Leave, rooms.leave),
    ] {
        for (id, room) in rooms.unwrap_or_default() {
            match read_room(&id, section, room) {
                Ok(room) => batch.rooms.push(room),
                Err(reason) => batch.skipped.push(reason),
            }
        }
    }
    Ok(batch)
}

fn read_room(id: &str, section: Section, room: &RawValue) -> Result<RoomBatch, String> {
    let shown = || {
        id.chars()
            .filter(|c| !c.is_control())
            .take(255)
            .collect::<String>()
    };
    let room_id = OwnedRoomId::try_from(id)
        .map_err(|error| format!("`{}` is not a room id: {error}", shown()))?;
    let room: WireRoom<'_> = serde_json::from_str(room.get())
        .map_err(|error| format!("room {room_id} cannot be read: {error}"))?;
    let timeline = room.timeline.unwrap_or_default();
    // Which of the two a server sends depends on its version, not on what was asked.
    let state = room
        .state
        .or(room.state_after)
        .or(room.invite_state)
        .unwrap_or_default();
    Ok(RoomBatch {
        room: room_id,
        section,
        timeline: raw(timeline.events),
        state: raw(state.events),
        limited: timeline.limited.unwrap_or_default(),
        prev_batch: timeline.prev_batch,
    })
}

fn raw(events: Option<Vec<&RawValue>>) -> Vec<RawJson> {
    events
        .unwrap_or_default()
        .into_iter()
        .map(|event| event.into())
        .collect()
}

#[derive(Deserialize)]
struct WireSync<'a> {
    next_batch: String,
    #[serde(borrow)]
    rooms: Option<WireRooms<'a>>,
}

#[derive(Default, Deserialize)]
struct WireRooms<'a> {
    #[serde(borrow)]
    join: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(borrow)]
    invite: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(borrow)]
    leave: Option<BTreeMap<String, &'a RawValue>>,
}

#[derive(Deserialize)]
struct WireRoom<'a> {
    #[serde(borrow)]
    timeline: Option<WireEvents<'a>>,
    #[serde(borrow)]
    state: Option<WireEvents<'a>>,
    #[serde(borrow)]
    state_after: Option<WireEvents<'a>>,
    #[serde(borrow)]
    invite_state: Option<WireEvents<'a>>,
}

#[derive(Default, Deserialize)]
struct WireEvents<'a> {
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
    limited: Option<bool>,
    prev_batch: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(json: &str) -> SourceBatch {
        read(&Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }

    #[test]
    fn one_bad_room_harms_only_itself() {
        let batch = batch(
            r#"{"next_batch":"s2","rooms":{"join":{
                "!good:x":{"timeline":{"events":[{"a":1},7],"limited":true}},
                "nonsense":{},
                "!odd:x":{"timeline":[]}},
                "invite":{"!in:x":{"invite_state":{"events":[{}]}}}}}"#,
        );

        assert_eq!(batch.position, Some(Position::new("s2")));
        let ids: Vec<_> = batch.rooms.iter().map(|room| room.room.as_str()).collect();
        assert_eq!(ids, ["!good:x", "!in:x"]);
        assert_eq!(batch.rooms[0].timeline.len(), 2);
        assert!(batch.rooms[0].limited);
        assert_eq!(batch.rooms[1].state.len(), 1);
        assert_eq!(batch.skipped.len(), 2);
    }

    #[test]
    fn no_depth_of_an_event_stops_the_reading() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let batch = batch(&format!(
            r#"{{"next_batch":"s2","to_device":{{"events":[{deep}]}},
                "rooms":{{"join":{{"!r:x":{{"timeline":{{"events":[{{"content":{deep}}}]}}}}}}}}}}"#
        ));

        assert_eq!(batch.rooms[0].timeline.len(), 1);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        for body in ["", "<html>", "[]", r#"{"next_batch":7}"#, r#"{"rooms":{}}"#] {
            assert!(
                read(&Bytes::copy_from_slice(body.as_bytes())).is_err(),
                "{body}"
            );
        }
    }
}
