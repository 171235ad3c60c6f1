//! History: `/messages` and single events.

use serde_json::json;

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::Event,
    filter::{EventFilter, inline},
    reply::{Reply, array, object, text},
    room::Room,
    state::Homeserver,
};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1000;

/// A walk through a room's events.
#[derive(Debug)]
struct Walk {
    is_backwards: bool,
    /// Between which events it begins: after all up to this position.
    from: u64,
    to: Option<u64>,
    limit: usize,
    filter: EventFilter,
}

impl Homeserver {
    pub(crate) fn messages(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let walk = Walk::read(call)?;
        let last = room.readable_until(&who.user).unwrap_or_default();
        let viewer = self.viewer(who, Some(&room.id));
        let range = walk.range(room, last);
        let admitted = range
            .iter()
            .filter(|event| walk.filter.admits(&room.id, event));
        let mut found: Vec<&Event> = if walk.is_backwards {
            admitted.rev().take(walk.limit + 1).collect()
        } else {
            admitted.take(walk.limit + 1).collect()
        };
        let has_more = found.len() > walk.limit;
        found.truncate(walk.limit);

        let mut fields = vec![
            ("start", token(walk.from.min(self.position))),
            (
                "chunk",
                array(found.iter().map(|event| room.render(event, viewer))),
            ),
            ("state", b"[]".to_vec()),
        ];
        if has_more && let Some(end) = found.last() {
            let before_it = u64::from(walk.is_backwards);
            fields.push(("end", token(end.position - before_it)));
        }
        Ok(Reply::raw_json(object(fields)))
    }

    pub(crate) fn get_event(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let last = room.readable_until(&who.user).unwrap_or_default();
        let event = room
            .event(call.argument("event"))
            .filter(|event| event.position <= last)
            .ok_or_else(|| ApiError::not_found("Event not found."))?;
        let viewer = self.viewer(who, Some(&room.id));
        Ok(Reply::raw_json(room.render(event, viewer)))
    }
}

impl Walk {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let is_backwards = match call.query("dir") {
            Some("b") => true,
            Some("f") => false,
            _ => {
                return Err(ApiError::invalid(
                    "Query parameter 'dir' must be one of ['b', 'f']",
                ));
            }
        };
        let limit = match call.query("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| ApiError::invalid("Query parameter 'limit' must be an integer"))?,
        };
        let end = if is_backwards { u64::MAX } else { 0 };
        Ok(Self {
            is_backwards,
            from: call.query("from").map(position).transpose()?.unwrap_or(end),
            to: call.query("to").map(position).transpose()?,
            limit: limit.min(MAX_LIMIT),
            filter: call
                .query("filter")
                .map(inline)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// The events between both ends, in the room's order.
    fn range<'a>(&self, room: &'a Room, last: u64) -> &'a [Event] {
        let from = room.index_after(self.from.min(last));
        let (start, end) = if self.is_backwards {
            // Measured: the walk back to a sync token gives the last event before it, too.
            let to = self
                .to
                .map_or(0, |to| room.index_after(to).saturating_sub(1));
            (to, from)
        } else {
            (from, room.index_after(self.to.unwrap_or(last).min(last)))
        };
        room.events.get(start..end).unwrap_or_default()
    }
}

fn token(position: u64) -> Vec<u8> {
    text(&json!(format!("t{position}")))
}

/// The position in a token of `/messages` or `/sync`.
fn position(token: &str) -> Result<u64, ApiError> {
    let number = token
        .strip_prefix(['s', 't'])
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| ApiError::unknown("Invalid stream token"))
}
