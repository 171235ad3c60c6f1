//! One room: its events in order and what they add up to.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::{
    event::{Event, Viewer},
    visibility::Visibility,
};

/// A user's standing in a room.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Membership {
    /// In the room.
    Join,
    /// Asked to come in.
    Invite,
    /// Out of the room, by themselves or kicked.
    Leave,
    /// Out of the room, and kept out.
    Ban,
    /// Asking to be let in.
    Knock,
}

impl Membership {
    /// The word in the `membership` field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Leave => "leave",
            Self::Ban => "ban",
            Self::Knock => "knock",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [
            Self::Join,
            Self::Invite,
            Self::Leave,
            Self::Ban,
            Self::Knock,
        ]
        .into_iter()
        .find(|membership| membership.as_str() == word)
    }
}

/// A private or public receipt.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) event_id: String,
    pub(crate) sent_at: u64,
    pub(crate) position: u64,
}

/// A room, its events and what hangs on it.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) creator: String,
    pub(crate) events: Vec<Event>,
    pub(crate) state: BTreeMap<(String, String), usize>,
    index: BTreeMap<String, usize>,
    /// Keyed by user, receipt type and thread.
    pub(crate) receipts: BTreeMap<(String, String, String), Receipt>,
    /// Who types, and until when.
    pub(crate) typing: BTreeMap<String, Duration>,
    pub(crate) typing_changed: u64,
    /// Keyed by user and type.
    pub(crate) account_data: BTreeMap<(String, String), (u64, Value)>,
    pub(crate) forgotten_by: BTreeSet<String>,
    pub(crate) visibility: Visibility,
    /// How many of the first events are gone from history.
    pub(crate) purged: usize,
}

impl Room {
    pub(crate) fn new(id: String, version: String, creator: String) -> Self {
        Self {
            id,
            version,
            creator,
            events: Vec::new(),
            state: BTreeMap::new(),
            index: BTreeMap::new(),
            receipts: BTreeMap::new(),
            typing: BTreeMap::new(),
            typing_changed: 0,
            account_data: BTreeMap::new(),
            forgotten_by: BTreeSet::new(),
            visibility: Visibility::default(),
            purged: 0,
        }
    }

    /// Adds `event` at the end, and to the state if it is state.
    pub(crate) fn push(&mut self, mut event: Event) {
        let at = self.events.len();
        // An injected event is shown, never believed.
        if let (Some(key), None) = (event.state_key.clone(), &event.raw) {
            self.visibility.note(at, &event);
            let before = self.state.insert((event.kind.clone(), key), at);
            event.previous_content = before
                .and_then(|i| self.events.get(i))
                .map(|before| before.content.clone());
        }
        if let Some(target) = event.redacts.clone()
            && let Some(&target) = self.index.get(&target)
            && let Some(target) = self.events.get_mut(target)
        {
            target.prune(at);
        }
        self.index.entry(event.id.clone()).or_insert(at);
        self.events.push(event);
    }

    pub(crate) fn event(&self, id: &str) -> Option<&Event> {
        self.place_of(id).map(|(_, event)| event)
    }

    /// An event and its index.
    pub(crate) fn place_of(&self, id: &str) -> Option<(usize, &Event)> {
        let at = *self.index.get(id)?;
        Some((at, self.events.get(at)?))
    }

    pub(crate) fn state_event(&self, kind: &str, key: &str) -> Option<&Event> {
        self.state
            .get(&(kind.to_owned(), key.to_owned()))
            .and_then(|at| self.events.get(*at))
    }

    /// Whether the event at the index `at` is part of the state as it is now.
    pub(crate) fn is_current_state(&self, at: usize, event: &Event) -> bool {
        let Some(key) = &event.state_key else {
            return false;
        };
        let key = (event.kind.clone(), key.clone());
        self.state.get(&key) == Some(&at)
    }

    pub(crate) fn state_content(&self, kind: &str, key: &str) -> Option<&Value> {
        self.state_event(kind, key).map(|event| &event.content)
    }

    /// Where the events after `position` begin.
    pub(crate) fn index_after(&self, position: u64) -> usize {
        self.events
            .partition_point(|event| event.position <= position)
    }

    /// The state as it was when the event at `end` came, from the changes since `start`.
    pub(crate) fn state_changes(&self, start: usize, end: usize) -> Vec<&Event> {
        let mut latest: BTreeMap<(&str, &str), &Event> = BTreeMap::new();
        let range = self.events.get(start..end).unwrap_or_default();
        for event in range.iter().filter(|event| event.raw.is_none()) {
            if let Some(key) = &event.state_key {
                latest.insert((&event.kind, key), event);
            }
        }
        let mut events: Vec<_> = latest.into_values().collect();
        events.sort_by_key(|event| event.position);
        events
    }

    pub(crate) fn membership(&self, user: &str) -> Option<Membership> {
        membership_of(self.state_event("m.room.member", user)?)
    }

    /// The user's membership just after `position`, and where it began.
    pub(crate) fn membership_at(&self, user: &str, position: u64) -> Option<(Membership, u64)> {
        // The usual case, without a walk through the room.
        let latest = self.state_event("m.room.member", user)?;
        if latest.position <= position {
            return Some((membership_of(latest)?, latest.position));
        }
        let until = self.index_after(position);
        let event = self.events.get(..until)?.iter().rev().find(|event| {
            event.raw.is_none()
                && event.kind == "m.room.member"
                && event.state_key.as_deref() == Some(user)
        })?;
        Some((membership_of(event)?, event.position))
    }

    pub(crate) fn is_joined(&self, user: &str) -> bool {
        self.membership(user) == Some(Membership::Join)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, Membership, &Event)> {
        self.state
            .iter()
            .filter(|((kind, _), _)| kind == "m.room.member")
            .filter_map(|((_, user), at)| {
                let event = self.events.get(*at)?;
                Some((user.as_str(), membership_of(event)?, event))
            })
    }

    /// The last position whose events `user` may read, if any: measured, one who was
    /// banned or is invited again reads nothing.
    pub(crate) fn readable_until(&self, user: &str) -> Option<u64> {
        match self.membership(user)? {
            Membership::Join => Some(u64::MAX),
            Membership::Leave if !self.forgotten_by.contains(user) => {
                Some(self.state_event("m.room.member", user)?.position)
            }
            Membership::Leave | Membership::Ban | Membership::Invite | Membership::Knock => None,
        }
    }

    /// The memberships of `users` as they were when the event at `end` came.
    pub(crate) fn members_at(&self, end: usize, users: &[&str]) -> Vec<&Event> {
        let mut members = self.state_changes(0, end + 1);
        members.retain(|event| {
            let user = event.state_key.as_deref().unwrap_or_default();
            event.kind == "m.room.member" && users.contains(&user)
        });
        members
    }

    pub(crate) fn render(&self, event: &Event, viewer: Viewer<'_>) -> Vec<u8> {
        let because = event.redacted_by.and_then(|at| self.events.get(at));
        event.render(viewer, because)
    }

    /// What `user` may do, on the scale of the power levels event.
    pub(crate) fn power_of(&self, user: &str) -> i64 {
        if self.version == "12" && user == self.creator {
            return i64::MAX;
        }
        let Some(levels) = self.state_content("m.room.power_levels", "") else {
            return if user == self.creator { 100 } else { 0 };
        };
        levels["users"][user]
            .as_i64()
            .or_else(|| levels["users_default"].as_i64())
            .unwrap_or(0)
    }

    /// The power needed for `action`, one of the top-level fields.
    pub(crate) fn power_for(&self, action: &str) -> i64 {
        let default = match action {
            "invite" | "events_default" => 0,
            _ => 50,
        };
        self.state_content("m.room.power_levels", "")
            .and_then(|levels| levels[action].as_i64())
            .unwrap_or(default)
    }

    /// The power needed to send an event of `kind`.
    pub(crate) fn power_to_send(&self, kind: &str, is_state: bool) -> i64 {
        self.state_content("m.room.power_levels", "")
            .and_then(|levels| levels["events"][kind].as_i64())
            .unwrap_or_else(|| {
                self.power_for(if is_state {
                    "state_default"
                } else {
                    "events_default"
                })
            })
    }
}

pub(crate) fn membership_of(event: &Event) -> Option<Membership> {
    Membership::parse(event.content["membership"].as_str()?)
}
