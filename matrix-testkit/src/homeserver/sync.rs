//! `/sync`: reading the question, waiting, and the answer's outer form.

use std::time::Duration;

use super::{
    auth::Who,
    call::Call,
    errors::ApiError,
    event::Viewer,
    fault::{Effect, SyncFault},
    filter::Filter,
    outcome::Waiting,
    reply::{Reply, array, object, text},
    room::{Membership, Room},
    state::{Homeserver, target},
    stream_token::StreamToken,
    sync_room::{RoomView, Shape, account_data},
};

/// From where to where the last sync of a token went that gave events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastBatch {
    since: u64,
    until: u64,
}

/// What one sync asks for.
#[derive(Debug)]
struct Query {
    since: Option<u64>,
    timeout: Duration,
    full_state: bool,
    filter: Filter,
}

/// An answer in the making.
#[derive(Debug, Default)]
struct Batch {
    joined: Vec<(String, Vec<u8>)>,
    invited: Vec<(String, Vec<u8>)>,
    left: Vec<(String, Vec<u8>)>,
    account_data: Vec<Vec<u8>>,
    to_device: Vec<Vec<u8>>,
    has_events: bool,
}

impl Homeserver {
    /// Answers a sync, or says that it goes on waiting.
    pub(crate) fn poll(&mut self, waiting: &mut Waiting) -> Result<Option<Reply>, ApiError> {
        let who = self.authenticate(&waiting.call)?;
        let mut query = self.read_query(&waiting.call, &who)?;
        let is_first_look = !waiting.ends_on_news;
        if is_first_look {
            waiting.ends_on_news = true;
            waiting.deadline = self.now + query.timeout;
        }
        if is_first_look && let Some(body) = self.sync_cache.find(&waiting.call, &who, self.now) {
            return Ok(Some(Reply::raw_json(body.to_vec())));
        }
        let token = waiting.call.token.clone().unwrap_or_default();
        let mut is_spoiled = false;
        let fault_target = target(&waiting.call, Some(&who));
        // Later looks of the same request must not use up what the script skips.
        if is_first_look
            && let Some(last) = self.last_batches.get(&token)
            && query.since == Some(last.until)
            && let Some(fault) = self.script.take_sync(&fault_target, true)
        {
            query.since = Some(last.since);
            is_spoiled = true;
            self.note_fault(waiting.number, fault.name());
        }

        let mut batch = self.batch(&who, &query, Shape::Plain);
        if batch.has_events
            && let Some(fault) = self.script.take_sync(&fault_target, false)
        {
            batch = self.batch(&who, &query, shape(&fault.effect));
            is_spoiled = true;
            self.note_fault(waiting.number, fault.name());
        }
        let may_wait = query.since.is_some() && !query.full_state;
        if batch.is_empty() && may_wait && self.now < waiting.deadline {
            return Ok(None);
        }
        self.note_batch(token, query.since, batch.has_events);
        let body = batch.into_json(self.position);
        // Measured: an answer that goes nowhere is made anew the next time.
        if !is_spoiled && query.since != Some(self.position) {
            self.sync_cache
                .remember(&waiting.call, &who, &body, self.now);
        }
        Ok(Some(Reply::raw_json(body)))
    }

    /// Keeps what may be repeated. Whoever looks from nowhere does not go on from an earlier
    /// batch, nor may anything before that look come again.
    fn note_batch(&mut self, token: String, since: Option<u64>, has_events: bool) {
        let until = self.position;
        match since {
            Some(since) if has_events => {
                self.last_batches.insert(token, LastBatch { since, until });
            }
            None => {
                self.last_batches.remove(&token);
            }
            Some(_) => {}
        }
    }

    fn read_query(&self, call: &Call, who: &Who) -> Result<Query, ApiError> {
        Ok(Query {
            since: self.since(call)?,
            timeout: timeout(call.query("timeout"))?,
            full_state: call.query("full_state") == Some("true"),
            filter: self.sync_filter(call, who)?,
        })
    }

    /// The place in the stream that a sync starts from; the refusals are measured.
    fn since(&self, call: &Call) -> Result<Option<u64>, ApiError> {
        let Some(text) = call.query("since") else {
            return Ok(None);
        };
        match StreamToken::parse(text) {
            // Measured: one from the future is taken as the newest there is, so that the
            // answer hands back an earlier one.
            Some(StreamToken::Live(position)) => Ok(Some(position.min(self.position))),
            Some(StreamToken::Historic(_)) => Err(ApiError::internal()),
            None => Err(ApiError::bad_request(
                self.config.bad_token_code,
                "Invalid stream token",
            )),
        }
    }

    fn batch(&self, who: &Who, query: &Query, shape: Shape) -> Batch {
        let mut batch = Batch::default();
        for room in self.rooms.values() {
            let is_hidden = room.forgotten_by.contains(&who.user);
            if query.filter.room.admits(&room.id) && !is_hidden {
                let viewer = self.viewer(who, None);
                add_room(&mut batch, room, viewer, query, shape, self.position);
            }
        }
        let since = query.since.unwrap_or_default();
        if let Some(user) = self.users.get(&who.user) {
            let is_wanted = |kind: &str| query.filter.account_data.admits_type("", kind);
            batch.account_data = account_data(user.account_data.iter(), since, is_wanted);
            let fresh = user
                .to_device
                .iter()
                .filter(|(position, _)| *position > since);
            batch.to_device = fresh.map(|(_, event)| event.clone()).collect();
        }
        batch
    }
}

fn add_room(
    batch: &mut Batch,
    room: &Room,
    viewer: Viewer<'_>,
    query: &Query,
    shape: Shape,
    now_at: u64,
) {
    let Some(member) = room.state_event("m.room.member", viewer.user) else {
        return;
    };
    let since = query.since;
    let is_fresh = since.is_none_or(|since| member.position > since);
    let filter = &query.filter.room;
    let view = RoomView {
        room,
        viewer,
        since,
        full_state: query.full_state,
        filter,
        shape,
        now_at,
    };
    match room.membership(viewer.user) {
        Some(Membership::Join) => {
            if let Some(section) = view.joined() {
                batch.has_events |= section.has_events;
                batch.joined.push((room.id.clone(), section.json));
            }
        }
        Some(Membership::Invite) if is_fresh => {
            batch.invited.push((room.id.clone(), view.invited()));
        }
        Some(Membership::Leave | Membership::Ban)
            if is_fresh && (since.is_some() || filter.include_leave) =>
        {
            let section = view.left(member.position);
            batch.has_events |= section.has_events;
            batch.left.push((room.id.clone(), section.json));
        }
        _ => {}
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        let Self {
            joined,
            invited,
            left,
            account_data,
            to_device,
            has_events: _,
        } = self;
        let has_rooms = !joined.is_empty() || !invited.is_empty() || !left.is_empty();
        !has_rooms && account_data.is_empty() && to_device.is_empty()
    }

    /// Empty sections are left out, as Synapse leaves them out.
    fn into_json(self, position: u64) -> Vec<u8> {
        let Self {
            joined,
            invited,
            left,
            account_data,
            to_device,
            has_events: _,
        } = self;
        let next_batch = StreamToken::Live(position).to_string().into();
        let mut fields = vec![("next_batch", text(&next_batch))];
        let rooms = [("join", joined), ("invite", invited), ("leave", left)];
        let rooms: Vec<_> = rooms
            .into_iter()
            .filter(|(_, rooms)| !rooms.is_empty())
            .map(|(section, rooms)| (section, object(rooms)))
            .collect();
        if !rooms.is_empty() {
            fields.push(("rooms", object(rooms)));
        }
        for (section, events) in [("account_data", account_data), ("to_device", to_device)] {
            if !events.is_empty() {
                fields.push((section, object([("events", array(events))])));
            }
        }
        fields.push(("device_one_time_keys_count", b"{}".to_vec()));
        object(fields)
    }
}

fn timeout(text: Option<&str>) -> Result<Duration, ApiError> {
    let Some(text) = text else {
        return Ok(Duration::ZERO);
    };
    if text.parse::<i64>().is_ok_and(|number| number < 0) {
        return Err(ApiError::invalid(
            "Query parameter timeout must be a positive integer.",
        ));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid(
            "Query parameter timeout must be an integer",
        ));
    }
    // Measured: a number of 20 digits breaks the server.
    let is_sane = text.len() < 18;
    let milliseconds = text.parse().ok().filter(|_| is_sane);
    milliseconds
        .map(Duration::from_millis)
        .ok_or_else(ApiError::internal)
}

fn shape(effect: &Effect) -> Shape {
    match effect {
        Effect::Sync(SyncFault::Reverse) => Shape::Reversed,
        Effect::Sync(SyncFault::Limit { keep }) => Shape::Limited { keep: *keep },
        _ => Shape::Plain,
    }
}
