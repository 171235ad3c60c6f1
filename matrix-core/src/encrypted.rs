//! The rooms that turned out to be encrypted while we run.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ruma::{OwnedRoomId, RoomId};

use crate::{Event, SourceBatch};

/// Rooms that the source showed as encrypted, from the moment it did: what it shows is
/// written down only when its batch is committed, and meanwhile messages are sent.
#[derive(Debug, Default)]
pub(crate) struct EncryptedRooms(Mutex<BTreeSet<OwnedRoomId>>);

/// So many are kept. Beyond that all are forgotten, and each room's state is read anew.
const MOST: usize = 10_000;

impl EncryptedRooms {
    /// Notes what a batch shows. Returns whether others were forgotten for that.
    pub(crate) fn note(&self, batch: &SourceBatch) -> bool {
        let mut has_forgotten = false;
        for room in &batch.rooms {
            let mut events = room.state.iter().chain(&room.timeline);
            // Few are, and all of them have these letters in them.
            let shows = events.any(|raw| {
                raw.as_str().contains(KIND)
                    && Event::read(&room.room, raw).is_ok_and(|event| turns_encrypted(&event))
            });
            if shows {
                let mut rooms = self.rooms();
                if rooms.len() >= MOST && !rooms.contains(&room.room) {
                    rooms.clear();
                    has_forgotten = true;
                }
                rooms.insert(room.room.clone());
            }
        }
        has_forgotten
    }

    /// Whether the source showed it as encrypted since we run.
    pub(crate) fn contains(&self, room: &RoomId) -> bool {
        self.rooms().contains(room)
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeSet<OwnedRoomId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether its room is encrypted from `event` on, whatever its content: it never goes
/// back, and a broken one is still a wish.
pub(crate) fn turns_encrypted(event: &Event) -> bool {
    event.kind() == KIND && event.state_key() == Some("")
}

const KIND: &str = "m.room.encryption";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RawJson, RoomBatch, Section};

    #[test]
    fn beyond_the_bound_all_are_forgotten_and_it_is_told() {
        let rooms = EncryptedRooms::default();

        for n in 0..MOST {
            assert!(!rooms.note(&batch(n)));
        }
        assert!(!rooms.note(&batch(0)));
        assert!(rooms.note(&batch(MOST)));

        assert!(!rooms.contains(&room(0)));
        assert!(rooms.contains(&room(MOST)));
    }

    #[test]
    fn only_the_rooms_own_state_counts() {
        let rooms = EncryptedRooms::default();
        let mut batch = batch(1);
        let raw = r#"{"event_id":"$1","type":"m.room.message","sender":"@a:b","content":{"body":"m.room.encryption"}}"#;
        batch.rooms[0].timeline = vec![RawJson::new(raw.to_owned()).unwrap()];
        batch.rooms[0].state.clear();

        rooms.note(&batch);

        assert!(!rooms.contains(&room(1)));
    }

    fn room(n: usize) -> OwnedRoomId {
        RoomId::parse(format!("!{n}:x")).unwrap()
    }

    fn batch(n: usize) -> SourceBatch {
        let raw = r#"{"event_id":"$1","type":"m.room.encryption","state_key":"","sender":"@a:b","content":{}}"#;
        let room = RoomBatch {
            room: room(n),
            section: Section::Join,
            timeline: Vec::new(),
            state: vec![RawJson::new(raw.to_owned()).unwrap()],
            limited: false,
            prev_batch: None,
        };
        SourceBatch {
            rooms: vec![room],
            ..SourceBatch::default()
        }
    }
}
