//! What is known about rooms.

use matrix_bridge_core::{
    Account, Digest, Membership, RoomFacts,
    ruma::{OwnedRoomId, RoomId},
};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tree::{Key, Table, View, count},
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Room {
    pub(crate) account: Account,
    pub(crate) facts: RoomFacts,
}

pub(crate) fn set(view: &mut View, account: Account, facts: RoomFacts) -> Result<(), Fault> {
    let key = key(&account, &facts.room);
    if let Some(former) = view.read::<Room>(&key)? {
        for key in orders(&former) {
            view.remove(key);
        }
        if former.facts.encrypted {
            count::subtract(view, encrypted_key(&account))?;
        }
    }
    let room = Room { account, facts };
    for key in orders(&room) {
        view.set(key, &[]);
    }
    if room.facts.encrypted {
        count::add(view, encrypted_key(&room.account))?;
    }
    view.put(&key, &room)
}

pub(crate) fn facts(
    view: &View,
    account: &Account,
    rooms: &[OwnedRoomId],
) -> Result<Vec<Option<RoomFacts>>, Fault> {
    let facts = |room: &OwnedRoomId| {
        let room: Option<Room> = view.read(&key(account, room))?;
        Ok(room.map(|room| room.facts))
    };
    rooms.iter().map(facts).collect()
}

pub(crate) fn list(
    view: &View,
    account: &Account,
    membership: Membership,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<RoomFacts>, Fault> {
    let prefix = Key::of(Table::RoomByMembership)
        .account(account)
        .byte(number(membership));
    let start = prefix.as_bytes().len();
    let rooms = view.scan(&prefix, after.map(RoomId::as_bytes)).take(most);
    rooms
        .map(|pair| {
            let (by_membership, _) = pair?;
            let room = &by_membership[start..];
            let key = Key::of(Table::Room).account(account).bytes(room);
            let room: Room = view.read_known(&key)?;
            Ok(room.facts)
        })
        .collect()
}

/// How many rooms of `account` are encrypted.
pub(crate) fn encrypted(view: &View, account: &Account) -> Result<u64, Fault> {
    view.number(&encrypted_key(account))
}

/// Whether some room of the event's account has it as its last seen one.
pub(super) fn is_last_seen(view: &View, event: &Digest) -> Result<bool, Fault> {
    let rooms = Key::of(Table::LastSeen).digest(event);
    Ok(view.first(&rooms)?.is_some())
}

/// The keys under which a room is found.
fn orders(room: &Room) -> Vec<Key> {
    let Room { account, facts } = room;
    let mut keys = vec![
        Key::of(Table::RoomByMembership)
            .account(account)
            .byte(number(facts.membership))
            .text(facts.room.as_str()),
    ];
    if let Some(last) = &facts.last_seen {
        let event = Digest::of(account, last.event_id.as_str());
        let room = Digest::of(account, facts.room.as_str());
        keys.push(Key::of(Table::LastSeen).digest(&event).digest(&room));
    }
    keys
}

fn key(account: &Account, room: &RoomId) -> Key {
    Key::of(Table::Room).account(account).text(room.as_str())
}

fn encrypted_key(account: &Account) -> Key {
    count::key("encrypted ").account(account)
}

const fn number(membership: Membership) -> u8 {
    match membership {
        Membership::Unknown => 0,
        Membership::Invite => 1,
        Membership::Join => 2,
        Membership::Leave => 3,
    }
}
