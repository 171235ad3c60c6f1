//! Filters of `/sync` and `/messages`.

use serde::Deserialize;
use serde_json::json;

use super::{
    auth::Who, call::Call, errors::ApiError, event::Event, json_check::request_object,
    reply::Reply, state::Homeserver,
};

/// What a client wants to see; what the server does not know of it is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    pub(crate) room: RoomFilter,
    pub(crate) account_data: EventFilter,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RoomFilter {
    pub(crate) rooms: Option<Vec<String>>,
    pub(crate) not_rooms: Vec<String>,
    pub(crate) include_leave: bool,
    pub(crate) timeline: EventFilter,
    pub(crate) state: EventFilter,
    pub(crate) ephemeral: EventFilter,
    pub(crate) account_data: EventFilter,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventFilter {
    pub(crate) limit: Option<usize>,
    types: Option<Vec<String>>,
    not_types: Vec<String>,
    senders: Option<Vec<String>>,
    not_senders: Vec<String>,
    rooms: Option<Vec<String>>,
    not_rooms: Vec<String>,
    pub(crate) lazy_load_members: bool,
}

impl RoomFilter {
    pub(crate) fn admits(&self, room: &str) -> bool {
        admits(self.rooms.as_deref(), &self.not_rooms, room)
    }
}

impl EventFilter {
    /// Whether the kind of event may pass at all, in that room.
    pub(crate) fn admits_type(&self, room: &str, kind: &str) -> bool {
        let of_type = |pattern: &String| matches_pattern(pattern, kind);
        admits(self.rooms.as_deref(), &self.not_rooms, room)
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.iter().any(of_type))
            && !self.not_types.iter().any(of_type)
    }

    pub(crate) fn admits(&self, room: &str, event: &Event) -> bool {
        self.admits_type(room, &event.kind)
            && admits(self.senders.as_deref(), &self.not_senders, &event.sender)
    }
}

fn admits(wanted: Option<&[String]>, unwanted: &[String], name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|one| one == name))
        && !unwanted.iter().any(|one| one == name)
}

/// A type, or the beginning of types with a `*` after it.
fn matches_pattern(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == pattern,
    }
}

/// Reads a filter that stands in a query as JSON.
pub(crate) fn inline<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|_| ApiError::unknown("Invalid filter JSON"))
}

impl Homeserver {
    pub(crate) fn put_filter(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if call.argument("user") != who.user {
            return Err(ApiError::forbidden("Cannot create filters for other users"));
        }
        let mut filter = request_object(&call.body)?;
        inline::<Filter>(&filter.to_string())?;
        // Measured: the server's own bound is stored with it.
        let bound = self.config.timeline_limit;
        if let Some(limit) = filter.pointer_mut("/room/timeline/limit")
            && limit.as_u64().is_some_and(|asked| asked > bound as u64)
        {
            *limit = json!(bound);
        }
        let filters = &mut self.users.entry(who.user.clone()).or_default().filters;
        // The same filter again has the same id, as in Synapse.
        let known = filters.iter().position(|one| *one == filter);
        let id = known.unwrap_or(filters.len());
        if known.is_none() {
            filters.push(filter);
        }
        Ok(Reply::json(&json!({ "filter_id": id.to_string() })))
    }

    pub(crate) fn filter(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        if call.argument("user") != who.user {
            return Err(ApiError::forbidden("Cannot get filters for other users"));
        }
        self.stored_filter(who, call.argument("filter"))
            .map(|text| Reply::raw_json(text.into()))
    }

    fn stored_filter(&self, who: &Who, id: &str) -> Result<String, ApiError> {
        let filters = self.users.get(&who.user).map(|user| &user.filters);
        let at = id
            .parse::<usize>()
            .map_err(|_| ApiError::invalid("Invalid filter_id"))?;
        filters
            .and_then(|filters| filters.get(at))
            .map(ToString::to_string)
            .ok_or_else(|| ApiError::not_found("No such filter"))
    }

    /// The filter that a sync names or carries.
    pub(crate) fn sync_filter(&self, call: &Call, who: &Who) -> Result<Filter, ApiError> {
        let mut filter: Filter = match call.query("filter") {
            None => Filter::default(),
            Some(json) if json.starts_with('{') => inline(json)?,
            Some(id) => inline(&self.stored_filter(who, id)?)?,
        };
        let limit = &mut filter.room.timeline.limit;
        *limit = limit.map(|asked| asked.min(self.config.timeline_limit));
        Ok(filter)
    }
}
