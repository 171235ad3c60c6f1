//! What is received and not yet handled, and what is known to be missing.

use matrix_bridge_core::{
    Account, Counted, Digest, Gap, GapFill, InboxEntry, InboxId, InboxItem, InboxLane, InboxRetry,
    NewInboxEntry, RawJson, Timestamp,
    ruma::{OwnedEventId, OwnedRoomId, RoomId},
};
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Fault, Reason},
    tree::{Key, Table, View, corrupt, count, last_number},
};

/// An entry as it is stored.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Held {
    pub(crate) account: Account,
    /// Its place in the room's order; ids are in the order of receiving.
    order: i64,
    room: OwnedRoomId,
    item: Item,
    received: Timestamp,
    sent: Timestamp,
    is_catch_up: bool,
    attempts: u32,
    due: Timestamp,
}

#[derive(Debug, Deserialize, Serialize)]
enum Item {
    Event { id: OwnedEventId, raw: RawJson },
    Gap(Gap),
}

impl Held {
    fn new(account: Account, order: i64, entry: NewInboxEntry) -> Self {
        let NewInboxEntry {
            room,
            item,
            received,
            sent,
            is_catch_up,
            attempts,
            due,
        } = entry;
        let item = match item {
            InboxItem::Event { event_id: id, raw } => Item::Event { id, raw },
            InboxItem::Gap(gap) => Item::Gap(gap),
        };
        Self {
            account,
            order,
            room,
            item,
            received,
            sent,
            is_catch_up,
            attempts,
            due,
        }
    }

    pub(crate) fn into_entry(self) -> NewInboxEntry {
        NewInboxEntry {
            room: self.room,
            item: match self.item {
                Item::Event { id, raw } => InboxItem::Event { event_id: id, raw },
                Item::Gap(gap) => InboxItem::Gap(gap),
            },
            received: self.received,
            sent: self.sent,
            is_catch_up: self.is_catch_up,
            attempts: self.attempts,
            due: self.due,
        }
    }

    /// Where the entry stands in its room.
    fn place(&self, id: InboxId) -> Key {
        // The sign bit turned: negative numbers are before the others.
        let order = self.order.cast_unsigned() ^ (1 << 63);
        line(&self.account, &self.room).number(order).number(id.0)
    }
}

/// Whether that entry is in the inbox of that account.
pub(super) fn has(view: &View, account: &Account, id: InboxId) -> Result<bool, Fault> {
    let held: Option<Held> = view.read(&key(id))?;
    Ok(held.is_some_and(|held| held.account == *account))
}

/// Whether that entry is a gap and the first of its room.
pub(super) fn is_open_gap(view: &View, account: &Account, id: InboxId) -> Result<bool, Fault> {
    match view.read::<Held>(&key(id))? {
        Some(held) if held.account == *account && matches!(held.item, Item::Gap(_)) => {
            Ok(first_of(view, account, &held.room)? == Some(id))
        }
        _ => Ok(false),
    }
}

/// Puts an entry at the end of its room.
pub(super) fn push(view: &mut View, account: &Account, entry: NewInboxEntry) -> Result<(), Fault> {
    let id = count::next(view, Counted::Inbox)?;
    insert(
        view,
        InboxId(id),
        &Held::new(account.clone(), id.cast_signed(), entry),
    )
}

/// Takes in an entry that has an id already, behind those of its room.
pub(crate) fn restore(
    view: &mut View,
    account: Account,
    place: u64,
    entry: InboxEntry,
) -> Result<(), Fault> {
    let InboxEntry { id, entry } = entry;
    // Below the place of every new one.
    let order = place.cast_signed().saturating_add(i64::MIN / 2);
    insert(view, id, &Held::new(account, order, entry))
}

pub(super) fn put_off(view: &mut View, retry: InboxRetry) -> Result<(), Fault> {
    let InboxRetry { id, attempts, due } = retry;
    let key = key(id);
    let held: Option<Held> = view.read(&key)?;
    match held {
        Some(held) => view.put(
            &key,
            &Held {
                attempts,
                due,
                ..held
            },
        ),
        None => Ok(()),
    }
}

pub(super) fn remove(view: &mut View, id: InboxId) -> Result<(), Fault> {
    let Some(held) = view.read::<Held>(&key(id))? else {
        return Ok(());
    };
    view.remove_record(&key(id))?;
    view.remove(held.place(id));
    count::subtract(view, waiting(&held.account, &held.room))?;
    Ok(())
}

/// The gap is the first of its room: it moves down to make place for what fills it.
pub(super) fn fill(view: &mut View, fill: GapFill) -> Result<(), Fault> {
    let GapFill { gap, entries, rest } = fill;
    let mut held: Held = view.read_known(&key(gap))?;
    remove(view, gap)?;
    let before = match first_of(view, &held.account, &held.room)? {
        Some(first) => view.read_known::<Held>(&key(first))?.order,
        None => held.order,
    };
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    let start = before.saturating_sub(count);
    for (order, entry) in (start..).zip(entries) {
        let id = InboxId(count::next(view, Counted::Inbox)?);
        insert(view, id, &Held::new(held.account.clone(), order, entry))?;
    }
    if let Some(rest) = rest {
        held.item = Item::Gap(rest);
        held.order = start.saturating_sub(1);
        insert(view, gap, &held)?;
    }
    Ok(())
}

pub(crate) fn entries(
    view: &View,
    account: &Account,
    room: &RoomId,
    most: usize,
) -> Result<Vec<InboxEntry>, Fault> {
    let places = view.scan(&line(account, room), None).take(most);
    places
        .map(|pair| {
            let id = InboxId(last_number(&pair?.0)?);
            let held: Held = view.read_known(&key(id))?;
            Ok(InboxEntry {
                id,
                entry: held.into_entry(),
            })
        })
        .collect()
}

/// What stands for the room in the key of a place.
pub(crate) fn room_in(place: &[u8]) -> Result<&[u8], Fault> {
    let end = 1 + Digest::LEN;
    place
        .get(1..end)
        .ok_or_else(|| corrupt(place, Reason("the key is too short")))
}

/// How many entries of that room come before a place.
pub(crate) fn entries_before(view: &View, room: &[u8], place: &[u8]) -> Result<u64, Fault> {
    let mut count = 0;
    for pair in view.scan(&Key::of(Table::InboxByRoom).bytes(room), None) {
        if *pair?.0 >= *place {
            break;
        }
        count += 1;
    }
    Ok(count)
}

pub(crate) fn lanes(
    view: &View,
    account: &Account,
    after: Option<&RoomId>,
    most: usize,
) -> Result<Vec<InboxLane>, Fault> {
    let rooms = Key::of(Table::InboxRoom).account(account);
    let start = rooms.as_bytes().len();
    let rooms = view.scan(&rooms, after.map(RoomId::as_bytes)).take(most);
    rooms
        .map(|pair| {
            let (key, entries) = pair?;
            let room = std::str::from_utf8(&key[start..]).map_err(|error| corrupt(&key, error))?;
            let room = OwnedRoomId::try_from(room).map_err(|error| corrupt(&key, error))?;
            lane(view, account, room, crate::tree::number(&key, &entries)?)
        })
        .collect()
}

fn lane(
    view: &View,
    account: &Account,
    room: OwnedRoomId,
    entries: u64,
) -> Result<InboxLane, Fault> {
    let Some(first) = first_of(view, account, &room)? else {
        let key = waiting(account, &room);
        return Err(corrupt(key.as_bytes(), Reason("there are none")));
    };
    let first: Held = view.read_known(&key(first))?;
    Ok(InboxLane {
        room,
        entries,
        oldest: first.received,
    })
}

fn insert(view: &mut View, id: InboxId, held: &Held) -> Result<(), Fault> {
    view.set(held.place(id), &[]);
    view.put(&key(id), held)?;
    count::add(view, waiting(&held.account, &held.room))
}

fn first_of(view: &View, account: &Account, room: &RoomId) -> Result<Option<InboxId>, Fault> {
    let first = view.first(&line(account, room))?;
    first
        .map(|(place, _)| last_number(&place).map(InboxId))
        .transpose()
}

pub(crate) fn key(id: InboxId) -> Key {
    Key::of(Table::Inbox).number(id.0)
}

fn line(account: &Account, room: &RoomId) -> Key {
    Key::of(Table::InboxByRoom).digest(&Digest::of(account, room.as_str()))
}

/// How many wait there.
fn waiting(account: &Account, room: &RoomId) -> Key {
    Key::of(Table::InboxRoom)
        .account(account)
        .text(room.as_str())
}
