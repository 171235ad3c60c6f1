//! The rooms that have events in the inbox, and whose turn it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ruma::{OwnedRoomId, RoomId};

use crate::{InboxEntry, InboxId, Timestamp};

/// So many of the rooms that wait for a place hold events; the others read them anew.
const HELD: usize = 256;

/// Rooms with events in the inbox. Their events are in the store; of a few rooms the
/// first few are held, of all others only the name.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    rooms: BTreeMap<OwnedRoomId, Room>,
    /// Rooms whose first event waits for nothing but a free place.
    ready: VecDeque<OwnedRoomId>,
    /// Rooms whose first event waits for its time.
    delayed: BTreeSet<(Timestamp, OwnedRoomId)>,
    /// Rooms whose first entry is a gap that waits for a place.
    gaps: VecDeque<OwnedRoomId>,
    running: usize,
    reading: usize,
}

#[derive(Debug, Default)]
struct Room {
    page: VecDeque<InboxEntry>,
    running: Option<InboxId>,
    /// How often in a row its gap could not be read.
    failures: u32,
}

impl Backlog {
    pub(super) fn contains(&self, room: &RoomId) -> bool {
        self.rooms.contains_key(room)
    }

    /// A room has events in the inbox. One that is known to have some keeps its turn.
    pub(super) fn add(&mut self, room: OwnedRoomId) {
        if !self.contains(&room) {
            self.rooms.insert(room.clone(), Room::default());
            self.ready.push_back(room);
        }
    }

    /// A room's events went to the inbox while the first of them is being handled.
    pub(super) fn add_running(&mut self, room: OwnedRoomId, id: InboxId) {
        self.rooms.insert(
            room,
            Room {
                running: Some(id),
                ..Room::default()
            },
        );
        self.running += 1;
    }

    /// How many rooms are being handled.
    pub(super) const fn running(&self) -> usize {
        self.running
    }

    /// The next room whose turn it is at `now`, with its first event if that is held.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<OwnedRoomId> {
        while let Some((due, room)) = self.delayed.first().cloned()
            && due <= now
        {
            self.delayed.pop_first();
            self.ready.push_back(room);
        }
        self.ready.pop_front()
    }

    /// When the next delayed room has its turn.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.delayed.first().map(|(due, _)| *due)
    }

    /// Takes the first held event of `room`.
    pub(super) fn pop(&mut self, room: &RoomId) -> Option<InboxEntry> {
        self.rooms.get_mut(room)?.page.pop_front()
    }

    /// Holds the first events of `room`, as read from the store.
    pub(super) fn fill(&mut self, room: &RoomId, page: Vec<InboxEntry>) {
        if let Some(held) = self.rooms.get_mut(room) {
            held.page = page.into();
        }
    }

    /// The event is being handled.
    pub(super) fn start(&mut self, room: &RoomId, id: InboxId) {
        if let Some(held) = self.rooms.get_mut(room) {
            held.running = Some(id);
            self.running += 1;
        }
    }

    /// The running event of `room` came to an end; the room has its turn again once
    /// the end is committed.
    pub(super) fn finish(&mut self, room: &RoomId) -> Option<InboxId> {
        let id = self.rooms.get_mut(room)?.running.take()?;
        self.running -= 1;
        Some(id)
    }

    /// How many gaps are being read.
    pub(super) const fn reading(&self) -> usize {
        self.reading
    }

    /// A room's gap is being read.
    pub(super) fn start_reading(&mut self, room: &RoomId) {
        self.fill(room, Vec::new());
        self.reading += 1;
    }

    /// A room's gap waits until fewer others are being read.
    pub(super) fn queue_reading(&mut self, room: OwnedRoomId) {
        self.fill(&room, Vec::new());
        self.gaps.push_back(room);
    }

    /// A page was read, or not; the next gap has its turn.
    pub(super) fn end_reading(&mut self) {
        self.reading = self.reading.saturating_sub(1);
        self.ready.extend(self.gaps.pop_front());
    }

    /// Reading the gap of `room` failed again; how often in a row now.
    pub(super) fn reading_failed(&mut self, room: &RoomId) -> u32 {
        let failures = self.rooms.get_mut(room).map(|held| {
            held.failures = held.failures.saturating_add(1);
            held.failures
        });
        failures.unwrap_or(1)
    }

    /// How often in a row reading the gap of `room` failed.
    pub(super) fn readings_failed(&self, room: &RoomId) -> u32 {
        self.rooms.get(room).map_or(0, |held| held.failures)
    }

    /// Reading the gap of `room` came to something.
    pub(super) fn reading_settled(&mut self, room: &RoomId) {
        if let Some(held) = self.rooms.get_mut(room) {
            held.failures = 0;
        }
    }

    /// What the room's last event led to is committed. If that is another try, the event
    /// is the room's first again, before those that are held.
    pub(super) fn proceed(&mut self, room: OwnedRoomId, is_retried: bool) {
        if is_retried || self.ready.len() >= HELD {
            self.fill(&room, Vec::new());
        }
        self.ready.push_back(room);
    }

    /// The first event of `room` waits until `due`; it is read anew then.
    pub(super) fn delay(&mut self, room: OwnedRoomId, due: Timestamp) {
        self.fill(&room, Vec::new());
        self.delayed.insert((due, room));
    }

    /// The room has no events in the inbox any more.
    pub(super) fn remove(&mut self, room: &RoomId) {
        self.rooms.remove(room);
    }
}
