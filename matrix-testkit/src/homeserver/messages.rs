//! History: `/messages` and single events.

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::Event,
    filter::{EventFilter, inline},
    reply::{Reply, array, object, text},
    room::Room,
    state::Homeserver,
    stream_token::StreamToken,
};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1000;

/// A walk through a room's events.
#[derive(Debug)]
struct Walk {
    is_backwards: bool,
    /// Between which events it begins: after all up to this token.
    from: Option<StreamToken>,
    to: Option<StreamToken>,
    limit: usize,
    filter: EventFilter,
}

/// One page of a walk, before anything is hidden.
#[derive(Debug)]
struct Page<'a> {
    /// With their indices in the room, in the order of the walk.
    events: Vec<(usize, &'a Event)>,
    has_more: bool,
}

impl Homeserver {
    pub(crate) fn messages(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let walk = Walk::read(call)?;
        // Measured: who has left walks back from there, but forth to the very end.
        let is_clamped = walk.is_backwards && !room.is_joined(&who.user);
        let last = room.readable_until(&who.user).filter(|_| is_clamped);
        let viewer = self.viewer(who, Some(&room.id));
        let page = walk.page(room, last.unwrap_or(u64::MAX));
        // Measured: what is hidden leaves gaps in a page, or empties it.
        let shown: Vec<_> = page
            .events
            .iter()
            .filter(|(at, _)| room.visibility.admits(&who.user, *at))
            .collect();

        let start = walk.start(room);
        let chunk = shown.iter().map(|(_, event)| room.render(event, viewer));
        let mut fields = vec![("start", token(start)), ("chunk", array(chunk))];
        if walk.filter.lazy_load_members
            && let Some((at, _)) = shown.first()
        {
            let senders: Vec<_> = shown.iter().map(|(_, event)| &*event.sender).collect();
            let members = room.members_at(*at, &senders);
            let members = members.iter().map(|event| room.render(event, viewer));
            fields.push(("state", array(members)));
        }
        // Measured: only the page after the last event has no end.
        if page.has_more || !page.events.is_empty() {
            fields.push(("end", token(walk.end(&page, start))));
        }
        Ok(Reply::raw_json(object(fields)))
    }

    pub(crate) fn get_event(&mut self, call: &Call, who: &Who) -> Result<Reply, ApiError> {
        let room = self.known_room(call, who)?;
        let user = &who.user;
        // Measured: who has left finds single events only of the time between.
        let may_see = |at| {
            room.visibility.admits(user, at)
                && (room.is_joined(user) || room.visibility.was_joined(user, at))
        };
        let event = room
            .place_of(call.argument("event"))
            .filter(|(at, _)| *at >= room.purged && may_see(*at))
            .ok_or_else(|| ApiError::not_found("Event not found."))?;
        let viewer = self.viewer(who, Some(&room.id));
        Ok(Reply::raw_json(room.render(event.1, viewer)))
    }
}

impl Walk {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let is_backwards = match call.query("dir") {
            Some("b") => true,
            // Measured, against the specification: forth is the default.
            Some("f") | None => false,
            _ => {
                return Err(ApiError::invalid(
                    "Query parameter 'dir' must be one of ['b', 'f']",
                ));
            }
        };
        let filter = call.query("filter").map(inline).transpose()?;
        Ok(Self {
            is_backwards,
            from: place(call, "from")?,
            to: place(call, "to")?,
            limit: limit(call)?.min(MAX_LIMIT),
            filter: filter.unwrap_or_default(),
        })
    }

    /// The token that the walk begins at.
    fn start(&self, room: &Room) -> StreamToken {
        self.from.unwrap_or_else(|| {
            let last = room.events.last().map_or(0, |event| event.position);
            if self.is_backwards {
                StreamToken::Historic(last)
            } else {
                StreamToken::Live(0)
            }
        })
    }

    /// The next events that the filter admits, of those up to the position `last`.
    fn page<'a>(&self, room: &'a Room, last: u64) -> Page<'a> {
        let index = |token: StreamToken| room.index_after(token.position().min(last));
        let (from, to) = (self.from.map(index), self.to.map(index));
        let (start, end) = if self.is_backwards {
            (
                to.unwrap_or(0),
                from.unwrap_or_else(|| room.index_after(last)),
            )
        } else {
            (from.unwrap_or(0), to.unwrap_or(room.events.len()))
        };
        let start = start.max(room.purged);
        let range = room.events.get(start..end).unwrap_or_default();
        let admitted = (start..end)
            .zip(range)
            .filter(|(_, event)| self.filter.admits(&room.id, event));
        let count = self.limit + 1;
        let mut events: Vec<_> = if self.is_backwards {
            admitted.rev().take(count).collect()
        } else {
            admitted.take(count).collect()
        };
        // Measured: a limit of 0 is a page with an end, wherever it is.
        let has_more = events.len() > self.limit || self.limit == 0;
        events.truncate(self.limit);
        Page { events, has_more }
    }

    /// The token that the next page begins at.
    fn end(&self, page: &Page<'_>, start: StreamToken) -> StreamToken {
        match page.events.last() {
            Some((_, event)) => {
                let before_it = u64::from(self.is_backwards);
                StreamToken::Historic(event.position - before_it)
            }
            None => self.to.unwrap_or(start),
        }
    }
}

fn token(token: StreamToken) -> Vec<u8> {
    text(&token.to_string().into())
}

fn limit(call: &Call) -> Result<usize, ApiError> {
    let Some(text) = call.query("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let number = text.parse::<i64>();
    let number =
        number.map_err(|_| ApiError::invalid("Query parameter limit must be an integer"))?;
    usize::try_from(number)
        .map_err(|_| ApiError::invalid("Query parameter limit must be a positive integer."))
}

/// The place in the stream that a parameter names.
fn place(call: &Call, name: &str) -> Result<Option<StreamToken>, ApiError> {
    let Some(text) = call.query(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if (name, text) == ("from", "END") {
        return Ok(None);
    }
    let token = StreamToken::parse(text);
    let token = token.ok_or_else(|| ApiError::unknown(format!("'{name}' parameter is invalid")))?;
    Ok(Some(token))
}
