//! From the listed rooms to what may be done where.

use std::collections::{BTreeMap, BTreeSet};

use matrix_bridge::{
    RoomMode,
    ruma::{OwnedRoomAliasId, OwnedRoomId},
};

use super::super::config::{RoomList, RoomName};

/// The rooms behind the aliases that are known.
pub(super) type Aliases = BTreeMap<OwnedRoomAliasId, OwnedRoomId>;

/// The modes of rooms.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Merged {
    /// Each room once.
    pub(super) modes: BTreeMap<OwnedRoomId, RoomMode>,
    /// Rooms that were listed under several names, with different modes.
    pub(super) conflicts: BTreeSet<OwnedRoomId>,
}

/// Each room once. Of two modes the stricter one holds: nobody who wrote `off` or
/// `shadow` wants to be answered.
pub(super) fn merge(list: &RoomList, aliases: &Aliases) -> Merged {
    let mut merged = Merged::default();
    for (name, &mode) in list {
        let room = match name {
            RoomName::Id(id) => id,
            RoomName::Alias(alias) => match aliases.get(alias) {
                Some(room) => room,
                None => continue,
            },
        };
        let known = *merged.modes.entry(room.clone()).or_insert(mode);
        if known != mode {
            merged.conflicts.insert(room.clone());
            merged.modes.insert(room.clone(), known.max(mode));
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use matrix_bridge::ruma::{owned_room_alias_id, owned_room_id};

    use super::*;

    #[test]
    fn of_two_modes_for_one_room_the_stricter_holds() {
        let list = RoomList::from([
            (RoomName::Id(owned_room_id!("!a:x")), RoomMode::Active),
            (
                RoomName::Alias(owned_room_alias_id!("#a:x")),
                RoomMode::Shadow,
            ),
            (
                RoomName::Alias(owned_room_alias_id!("#b:x")),
                RoomMode::Active,
            ),
            (
                RoomName::Alias(owned_room_alias_id!("#gone:x")),
                RoomMode::Off,
            ),
        ]);
        let aliases = Aliases::from([
            (owned_room_alias_id!("#a:x"), owned_room_id!("!a:x")),
            (owned_room_alias_id!("#b:x"), owned_room_id!("!b:x")),
        ]);

        let merged = merge(&list, &aliases);

        let modes = BTreeMap::from([
            (owned_room_id!("!a:x"), RoomMode::Shadow),
            (owned_room_id!("!b:x"), RoomMode::Active),
        ]);
        assert_eq!(merged.modes, modes);
        assert_eq!(merged.conflicts, BTreeSet::from([owned_room_id!("!a:x")]));
    }
}
