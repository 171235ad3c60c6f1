//! The body of an answer to `/sync`, read part by part.

use std::fmt;

use bytes::Bytes;
use matrix_bridge_core::{
    Misfit, Position, RawJson, RoomBatch, Section, SourceBatch, ruma::OwnedRoomId,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::ClientError;

/// More rooms than any account is in. A body of the greatest length has place for thirty
/// times as many of the shortest rooms there can be, which would take 10 GB of memory.
const MOST_ROOMS: usize = 1_000_000;

/// The longest position or other token. They are sent back in URLs, and a position that
/// fits into none would end the reading for good.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The shortest value that could be an event with an id, `{"event_id":"$"}`. Shorter ones
/// are not kept: each would take many times its own length.
const SHORTEST_EVENT: usize = 16;

/// So many parts of a section that were skipped are told one by one.
const TOLD: usize = 20;

/// Reads an answer part by part, each raw: one bad room or event harms only itself, and
/// nothing is read deeper than its head.
pub(crate) fn read(body: &Bytes) -> Result<SourceBatch, ClientError> {
    let sync: WireSync =
        serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.into()))?;
    check_token(&sync.next_batch)?;
    let mut batch = SourceBatch {
        position: Some(Position::new(sync.next_batch)),
        ..SourceBatch::default()
    };
    let WireRooms {
        join,
        invite,
        leave,
    } = sync.rooms.unwrap_or_default();
    for (section, rooms) in [
        (Section::Join, join),
        (Section::Invite, invite),
        (Section::Leave, leave),
    ] {
        let Rooms { read, skipped } = rooms.unwrap_or_default();
        let rooms = read.into_iter().map(|room| RoomBatch { section, ..room });
        batch.rooms.extend(rooms);
        batch.skipped.extend(skipped.into_told());
    }
    Ok(batch)
}

/// Refuses a token that fits into no URL.
pub(crate) fn check_token(token: &str) -> Result<(), ClientError> {
    let length = token.len();
    if length <= LONGEST_TOKEN {
        return Ok(());
    }
    let what = format!("a token of {length} bytes, expected {LONGEST_TOKEN} at most");
    Err(ClientError::Answer(Misfit::told(what)))
}

fn read_room(id: &str, room: &RawValue) -> Result<RoomBatch, String> {
    let room_id = OwnedRoomId::try_from(id)
        .map_err(|error| format!("`{}` is not a room id: {error}", shown(id)))?;
    let room: WireRoom = serde_json::from_str(room.get())
        .map_err(|error| format!("room {} cannot be read: {}", shown(id), Misfit::from(error)))?;
    let timeline = room.timeline.unwrap_or_default();
    // Which of the two a server sends depends on its version, not on what was asked.
    let state = room
        .state
        .or(room.state_after)
        .or(room.invite_state)
        .unwrap_or_default();
    Ok(RoomBatch {
        room: room_id,
        // Whose section it is, the caller knows.
        section: Section::Join,
        timeline: timeline.events.unwrap_or_default().0,
        state: state.events.unwrap_or_default().0,
        limited: timeline.limited.unwrap_or_default(),
        prev_batch: timeline
            .prev_batch
            .filter(|token| token.len() <= LONGEST_TOKEN),
    })
}

/// An id as it is shown to a person, whatever is in it.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[derive(Deserialize)]
struct WireSync {
    next_batch: String,
    rooms: Option<WireRooms>,
}

#[derive(Default, Deserialize)]
struct WireRooms {
    join: Option<Rooms>,
    invite: Option<Rooms>,
    leave: Option<Rooms>,
}

#[derive(Deserialize)]
struct WireRoom {
    timeline: Option<WireEvents>,
    state: Option<WireEvents>,
    state_after: Option<WireEvents>,
    invite_state: Option<WireEvents>,
}

#[derive(Default, Deserialize)]
struct WireEvents {
    events: Option<Events>,
    limited: Option<bool>,
    prev_batch: Option<String>,
}

/// The rooms of a section, each read as it comes by.
#[derive(Default)]
struct Rooms {
    read: Vec<RoomBatch>,
    skipped: Skipped,
}

#[derive(Default)]
struct Skipped {
    told: Vec<String>,
    more: usize,
}

impl Skipped {
    fn push(&mut self, reason: String) {
        if self.told.len() < TOLD {
            self.told.push(reason);
        } else {
            self.more += 1;
        }
    }

    fn into_told(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told
                .push(format!("{} more rooms cannot be read", self.more));
        }
        self.told
    }
}

impl<'de> Deserialize<'de> for Rooms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadRooms)
    }
}

struct ReadRooms;

impl<'de> Visitor<'de> for ReadRooms {
    type Value = Rooms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rooms by their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rooms, A::Error> {
        let mut rooms = Rooms::default();
        while let Some((id, room)) = map.next_entry::<String, &RawValue>()? {
            match read_room(&id, room) {
                Ok(_) if rooms.read.len() == MOST_ROOMS => {
                    return Err(A::Error::custom("more rooms than any account is in"));
                }
                Ok(room) => rooms.read.push(room),
                Err(reason) => rooms.skipped.push(reason),
            }
        }
        Ok(rooms)
    }
}

/// A list of events, each kept as it came.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Vec<RawJson>);

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ReadEvents)
    }
}

struct ReadEvents;

impl<'de> Visitor<'de> for ReadEvents {
    type Value = Events;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Events, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = list.next_element::<&RawValue>()? {
            if event.get().len() >= SHORTEST_EVENT {
                events.push(event.into());
            }
        }
        Ok(Events(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(json: &str) -> SourceBatch {
        read(&Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }

    #[test]
    fn one_bad_room_harms_only_itself() {
        let batch = batch(
            r#"{"next_batch":"s2","rooms":{"join":{
                "!good:x":{"timeline":{"events":[{"type":"m.room.name"},7,"a text as long as an event"],"limited":true}},
                "nonsense":{},
                "!odd:x":{"timeline":[]}},
                "invite":{"!in:x":{"invite_state":{"events":[{"type":"m.room.name"}]}}}}}"#,
        );

        assert_eq!(batch.position, Some(Position::new("s2")));
        let ids: Vec<_> = batch.rooms.iter().map(|room| room.room.as_str()).collect();
        assert_eq!(ids, ["!good:x", "!in:x"]);
        assert_eq!(batch.rooms[0].timeline.len(), 2);
        assert!(batch.rooms[0].limited);
        assert_eq!(batch.rooms[1].state.len(), 1);
        assert_eq!(batch.skipped.len(), 2);
    }

    #[test]
    fn no_depth_of_an_event_stops_the_reading() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let batch = batch(&format!(
            r#"{{"next_batch":"s2","to_device":{{"events":[{deep}]}},
                "rooms":{{"join":{{"!r:x":{{"timeline":{{"events":[{{"content":{deep}}}]}}}}}}}}}}"#
        ));

        assert_eq!(batch.rooms[0].timeline.len(), 1);
    }

    #[test]
    fn what_is_too_short_for_an_event_is_not_kept() {
        let batch = batch(
            r#"{"next_batch":"s2","rooms":{"join":{
                "!r:x":{"timeline":{"events":[0,{},{"event_id":"$"},{"event_id":""}]}}}}}"#,
        );

        let kept: Vec<_> = batch.rooms[0]
            .timeline
            .iter()
            .map(RawJson::as_str)
            .collect();
        assert_eq!(kept, [r#"{"event_id":"$"}"#]);
    }

    #[test]
    fn of_many_bad_rooms_some_are_told_and_the_others_counted() {
        let rooms: String = (0..200).map(|n| format!("\"{n}\":{{}},")).collect();

        let batch = batch(&format!(
            r#"{{"next_batch":"s2","rooms":{{"join":{{{rooms}"!r:x":{{}}}}}}}}"#
        ));

        assert_eq!(batch.rooms.len(), 1);
        assert_eq!(batch.skipped.len(), TOLD + 1);
        assert_eq!(
            batch.skipped.last().unwrap(),
            "180 more rooms cannot be read"
        );
    }

    #[test]
    fn what_is_told_of_a_bad_room_quotes_nothing_of_it() {
        let batch = batch(r#"{"next_batch":"s2","rooms":{"join":{"!r:x":"a secret"}}}"#);

        let told = "room !r:x cannot be read: invalid type: string at line 1 column 10";
        assert_eq!(batch.skipped, [told]);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        let long = format!(r#"{{"next_batch":"{}"}}"#, "s".repeat(8 * 1024 + 1));
        for body in [
            &long,
            "",
            "<html>",
            "[]",
            r#"{"next_batch":7}"#,
            r#"{"rooms":{}}"#,
        ] {
            assert!(
                read(&Bytes::copy_from_slice(body.as_bytes())).is_err(),
                "{body}"
            );
        }
    }
}
