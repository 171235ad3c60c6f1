//! Who may read which events: history visibility and membership, event by event.

use std::collections::BTreeMap;

use super::{
    event::Event,
    room::{Membership, membership_of},
};

/// How far history is open, most open first.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum HistoryVisibility {
    WorldReadable,
    /// Also what a missing or odd setting means.
    #[default]
    Shared,
    Invited,
    Joined,
}

impl HistoryVisibility {
    fn of(event: &Event) -> Self {
        match event.content["history_visibility"].as_str() {
            Some("world_readable") => Self::WorldReadable,
            Some("invited") => Self::Invited,
            Some("joined") => Self::Joined,
            _ => Self::Shared,
        }
    }
}

/// How a room's history visibility and memberships changed, by the indices of its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visibility {
    settings: Vec<(usize, HistoryVisibility)>,
    memberships: BTreeMap<String, Vec<(usize, Membership)>>,
}

impl Visibility {
    /// Takes in the state event at the index `at`, which is later than all before.
    pub(crate) fn note(&mut self, at: usize, event: &Event) {
        match (&*event.kind, event.state_key.as_deref()) {
            ("m.room.history_visibility", Some("")) => {
                self.settings.push((at, HistoryVisibility::of(event)));
            }
            ("m.room.member", Some(user)) => {
                if let Some(membership) = membership_of(event) {
                    let of_user = self.memberships.entry(user.to_owned()).or_default();
                    of_user.push((at, membership));
                }
            }
            _ => {}
        }
    }

    /// Whether `user`, who is or was in the room, may read the event at the index `at`.
    ///
    /// As Synapse has it: a change of visibility counts with the more open side, a
    /// change of one's own membership with the more joined one, and one's own leaving
    /// is always seen.
    pub(crate) fn admits(&self, user: &str, at: usize) -> bool {
        let [before, after] = self.around(at);
        let setting = before.min(after);
        if setting <= HistoryVisibility::Shared {
            return true;
        }
        let memberships = self.memberships_around(user, at);
        let was = |membership| memberships.contains(&Some(membership));
        let is_own_leave = memberships == [Some(Membership::Invite), Some(Membership::Leave)];
        was(Membership::Join)
            || is_own_leave
            || (setting == HistoryVisibility::Invited && was(Membership::Invite))
    }

    /// Whether `user` was in the room at the event, or the event made it so.
    pub(crate) fn was_joined(&self, user: &str, at: usize) -> bool {
        self.memberships_around(user, at)
            .contains(&Some(Membership::Join))
    }

    /// The setting at an event; before and after it, if the event is the change.
    fn around(&self, at: usize) -> [HistoryVisibility; 2] {
        let after = self.settings.partition_point(|(index, _)| *index <= at);
        let setting = |count: usize| {
            let last = count
                .checked_sub(1)
                .and_then(|last| self.settings.get(last));
            last.map_or(HistoryVisibility::Shared, |(_, setting)| *setting)
        };
        [
            setting(self.settings.partition_point(|(index, _)| *index < at)),
            setting(after),
        ]
    }

    /// The membership at an event; before and after it, if the event is the change.
    fn memberships_around(&self, user: &str, at: usize) -> [Option<Membership>; 2] {
        let all = self.memberships.get(user).map_or(&[][..], Vec::as_slice);
        let membership = |count: usize| {
            let last = count.checked_sub(1).and_then(|last| all.get(last));
            last.map(|(_, membership)| *membership)
        };
        [
            membership(all.partition_point(|(index, _)| *index < at)),
            membership(all.partition_point(|(index, _)| *index <= at)),
        ]
    }
}
