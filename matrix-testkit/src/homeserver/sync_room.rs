//! One room's part of a sync.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    event::{Event, Viewer},
    filter::RoomFilter,
    reply::{array, object, text},
    room::{Membership, Room},
    timeline::{Span, Timeline},
};

/// What an invitation shows of the room.
const INVITE_STATE: [&str; 7] = [
    "m.room.create",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.avatar",
    "m.room.encryption",
    "m.room.name",
    "m.room.topic",
];

/// What a scripted fault makes of the timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    Plain,
    Reversed,
    Limited { keep: usize },
}

/// A room as one sync of one user sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomView<'a> {
    pub(crate) room: &'a Room,
    pub(crate) viewer: Viewer<'a>,
    pub(crate) since: Option<u64>,
    pub(crate) full_state: bool,
    pub(crate) filter: &'a RoomFilter,
    pub(crate) shape: Shape,
    /// The position at which this sync ends.
    pub(crate) now_at: u64,
}

/// A room's part, ready to be sent.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) json: Vec<u8>,
    pub(crate) has_events: bool,
}

impl<'a> RoomView<'a> {
    /// The part of a room that the user is in; `None` if there is nothing to tell.
    pub(crate) fn joined(self) -> Option<Section> {
        let Self { room, since, .. } = self;
        let before = since.and_then(|since| room.membership_at(self.viewer.user, since));
        let is_new = !matches!(before, Some((Membership::Join, _)));
        // Whoever comes in gets the room as if there had been no sync before.
        let since_index = room.index_after(since.unwrap_or_default());
        let start = if is_new { 0 } else { since_index };
        let span = Span {
            start,
            news: since.map(|_| since_index),
            end: room.events.len(),
            end_at: self.now_at,
            is_new: is_new && since.is_some(),
        };
        let timeline = self.timeline(span);
        let state = self.state(&timeline, start, is_new || self.full_state);
        let (ephemeral, account_data) = (self.ephemeral(is_new), self.account_data(is_new));
        let is_quiet = timeline.events.is_empty()
            && state.is_empty()
            && ephemeral.is_empty()
            && account_data.is_empty();
        if is_quiet && !is_new && !self.full_state {
            return None;
        }
        let has_events = !timeline.events.is_empty();
        let json = object([
            ("state", events(state)),
            ("timeline", timeline.into_json(self)),
            ("ephemeral", events(ephemeral)),
            ("account_data", events(account_data)),
            ("unread_notifications", b"{}".to_vec()),
            ("summary", b"{}".to_vec()),
        ]);
        Some(Section { json, has_events })
    }

    /// The part of a room that the user left at `position`.
    pub(crate) fn left(self, position: u64) -> Section {
        let Self { room, since, .. } = self;
        let end = room.index_after(position);
        let before = since.and_then(|since| room.membership_at(self.viewer.user, since));
        let was_in = matches!(before, Some((Membership::Join, _)));
        let start = match since {
            Some(since) if was_in => room.index_after(since),
            // Who never was in sees only the end of it.
            Some(_) => end.saturating_sub(1),
            None => 0,
        };
        let timeline = self.timeline(Span {
            start,
            news: None,
            end,
            end_at: position,
            is_new: false,
        });
        let state = self.state(&timeline, start, self.full_state);
        let has_events = !timeline.events.is_empty();
        let json = object([
            ("state", events(state)),
            ("timeline", timeline.into_json(self)),
            ("account_data", events(Vec::new())),
        ]);
        Section { json, has_events }
    }

    /// The stripped state of a room that the user is asked into.
    pub(crate) fn invited(self) -> Vec<u8> {
        let Self { room, viewer, .. } = self;
        let shown = INVITE_STATE.iter().map(|kind| (*kind, ""));
        let shown = shown.chain([("m.room.member", viewer.user)]);
        let stripped = shown
            .filter_map(|(kind, key)| room.state_event(kind, key))
            .map(Event::stripped);
        object([("invite_state", events(stripped.collect()))])
    }

    /// The state just before the timeline: all of it, or what changed unseen.
    fn state(self, timeline: &Timeline<'_>, start: usize, whole: bool) -> Vec<Vec<u8>> {
        let Self {
            room,
            filter,
            viewer,
            ..
        } = self;
        let from = match (whole, timeline.limited) {
            (true, _) => 0,
            (false, true) => start,
            (false, false) => return Vec::new(),
        };
        let is_needed = |event: &Event| {
            let key = event.state_key.as_deref();
            !filter.state.lazy_load_members
                || event.kind != "m.room.member"
                || key == Some(viewer.user)
                || timeline
                    .events
                    .iter()
                    .any(|other| Some(&*other.sender) == key)
        };
        room.state_changes(from, timeline.start)
            .into_iter()
            .filter(|event| filter.state.admits(&room.id, event) && is_needed(event))
            .map(|event| room.render(event, viewer))
            .collect()
    }

    fn ephemeral(self, is_new: bool) -> Vec<Vec<u8>> {
        let Self { room, filter, .. } = self;
        let since = if is_new {
            0
        } else {
            self.since.unwrap_or_default()
        };
        let mut out = Vec::new();
        let is_typing_news = room.typing_changed > since && !(is_new && room.typing.is_empty());
        if is_typing_news && filter.ephemeral.admits_type(&room.id, "m.typing") {
            let users: Vec<_> = room.typing.keys().collect();
            out.push(text(
                &json!({ "type": "m.typing", "content": { "user_ids": users } }),
            ));
        }
        if filter.ephemeral.admits_type(&room.id, "m.receipt")
            && let Some(content) = self.receipts(since)
        {
            out.push(text(&json!({ "type": "m.receipt", "content": content })));
        }
        out
    }

    fn receipts(self, since: u64) -> Option<Value> {
        let mut content: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Value>>> = BTreeMap::new();
        for ((user, kind, thread), receipt) in &self.room.receipts {
            let is_private = kind == "m.read.private" && user != self.viewer.user;
            if receipt.position <= since || is_private {
                continue;
            }
            let mut data = json!({ "ts": receipt.sent_at });
            if !thread.is_empty() {
                data["thread_id"] = json!(thread);
            }
            let of_event = content.entry(&receipt.event_id).or_default();
            of_event.entry(kind).or_default().insert(user, data);
        }
        (!content.is_empty()).then(|| json!(content))
    }

    fn account_data(self, is_new: bool) -> Vec<Vec<u8>> {
        let Self {
            room,
            filter,
            viewer,
            ..
        } = self;
        let since = if is_new {
            0
        } else {
            self.since.unwrap_or_default()
        };
        let own = room
            .account_data
            .iter()
            .filter(|((user, _), _)| user == viewer.user);
        let own = own.map(|((_, kind), data)| (kind, data));
        account_data(own, since, |kind| {
            filter.account_data.admits_type(&room.id, kind)
        })
    }
}

/// The account data that changed after `since`, as events.
pub(crate) fn account_data<'a>(
    data: impl Iterator<Item = (&'a String, &'a (u64, Value))>,
    since: u64,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Vec<u8>> {
    data.filter(|(kind, (position, _))| *position > since && is_wanted(kind))
        .map(|(kind, (_, content))| text(&json!({ "type": kind, "content": content })))
        .collect()
}

fn events(events: Vec<Vec<u8>>) -> Vec<u8> {
    object([("events", array(events))])
}
