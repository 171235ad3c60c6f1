//! What the bot may do where.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, RoomId};

use crate::EndpointClass;

/// What the bot may do where. It can be replaced while the engine runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Which rooms it works in.
    pub rooms: Rooms,
    /// Shadow mode in every room that is not off.
    pub shadow: bool,
    /// What it does about invites.
    pub join: JoinPolicy,
    /// What it does about messages from before it came.
    pub history: History,
    /// How many invites to unlisted rooms it deals with in a minute, at most.
    pub invites_per_minute: u32,
}

impl Default for Policy {
    /// Active in every room the account is in; invites are left alone, history skipped.
    fn default() -> Self {
        Self {
            rooms: Rooms::All(RoomMode::Active),
            shadow: false,
            join: JoinPolicy::Allowlist,
            history: History::Skip,
            invites_per_minute: 60,
        }
    }
}

impl Policy {
    /// The mode of `room`.
    #[must_use]
    pub fn mode(&self, room: &RoomId) -> RoomMode {
        let mode = match &self.rooms {
            Rooms::All(mode) => *mode,
            Rooms::Listed(rooms) => rooms.get(room).copied().unwrap_or(RoomMode::Off),
        };
        if self.shadow && mode == RoomMode::Active {
            RoomMode::Shadow
        } else {
            mode
        }
    }

    /// Whether a request of that class to `room` is recorded instead of being made.
    ///
    /// Invites to rooms that are off may still be refused, unless everything is in
    /// shadow mode.
    #[must_use]
    pub fn is_silent(&self, room: &RoomId, class: EndpointClass) -> bool {
        match self.mode(room) {
            RoomMode::Active => false,
            RoomMode::Shadow => true,
            RoomMode::Off => self.shadow || class != EndpointClass::Join,
        }
    }

    /// What is done about an invite to `room`.
    #[must_use]
    pub fn invited(&self, room: &RoomId) -> InviteAnswer {
        let listed = match &self.rooms {
            // Being willing to work everywhere is no consent to be pulled anywhere.
            Rooms::All(_) => false,
            Rooms::Listed(rooms) => rooms.contains_key(room) && self.mode(room) != RoomMode::Off,
        };
        match self.join {
            JoinPolicy::Allowlist | JoinPolicy::Leave if listed => InviteAnswer::Join,
            JoinPolicy::Leave => InviteAnswer::Leave,
            JoinPolicy::Allowlist | JoinPolicy::Ignore => InviteAnswer::Ignore,
        }
    }
}

/// Which rooms the bot works in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rooms {
    /// Every room that the account is in. None is joined on invitation.
    All(RoomMode),
    /// These, each in its mode; every other room is off. This is the allowlist of
    /// invites too.
    Listed(BTreeMap<OwnedRoomId, RoomMode>),
}

/// What the bot does in a room.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RoomMode {
    /// Handles events and sends.
    Active,
    /// Handles events, and records what it would send. The homeserver sees no write.
    Shadow,
    /// Nothing.
    Off,
}

/// What the bot does about invites.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JoinPolicy {
    /// Joins listed rooms, leaves other invites alone.
    Allowlist,
    /// Leaves all invites alone.
    Ignore,
    /// Joins listed rooms, refuses other invites.
    Leave,
}

/// What is done about an invite.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InviteAnswer {
    /// The room is joined.
    Join,
    /// The invite is refused.
    Leave,
    /// Nothing.
    Ignore,
}

/// What the bot does about messages from before it came: on a first start, or before
/// its own join.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum History {
    /// Nothing; they count as seen.
    Skip,
    /// Handles the last so many events of each room.
    Last(u32),
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, room_id};

    use super::*;

    fn listed(mode: RoomMode) -> Policy {
        let rooms = Rooms::Listed(BTreeMap::from([(owned_room_id!("!a:x"), mode)]));
        Policy {
            rooms,
            ..Policy::default()
        }
    }

    #[test]
    fn a_room_that_is_not_listed_is_off() {
        assert_eq!(
            listed(RoomMode::Active).mode(room_id!("!b:x")),
            RoomMode::Off
        );
    }

    #[test]
    fn global_shadow_overrides_active_and_not_off() {
        let shadowed = |mode| {
            Policy {
                shadow: true,
                ..listed(mode)
            }
            .mode(room_id!("!a:x"))
        };

        assert_eq!(shadowed(RoomMode::Active), RoomMode::Shadow);
        assert_eq!(shadowed(RoomMode::Off), RoomMode::Off);
    }

    #[test]
    fn only_listed_rooms_are_joined() {
        let policy = listed(RoomMode::Active);
        let leave = Policy {
            join: JoinPolicy::Leave,
            ..policy.clone()
        };
        let ignore = Policy {
            join: JoinPolicy::Ignore,
            ..policy.clone()
        };

        assert_eq!(policy.invited(room_id!("!a:x")), InviteAnswer::Join);
        assert_eq!(policy.invited(room_id!("!b:x")), InviteAnswer::Ignore);
        assert_eq!(leave.invited(room_id!("!a:x")), InviteAnswer::Join);
        assert_eq!(leave.invited(room_id!("!b:x")), InviteAnswer::Leave);
        assert_eq!(ignore.invited(room_id!("!a:x")), InviteAnswer::Ignore);
        assert_eq!(
            Policy::default().invited(room_id!("!a:x")),
            InviteAnswer::Ignore
        );
        assert_eq!(
            listed(RoomMode::Off).invited(room_id!("!a:x")),
            InviteAnswer::Ignore
        );
    }
}
