//! When we were in a room and when we were not, as its timeline tells.

use ruma::UserId;
use serde::Deserialize;

use crate::{Event, Membership, RoomFacts};

/// A change of our own place in a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    Came,
    Went,
}

/// How `event` changes our own place, if it does. A new name or avatar is a membership
/// event too, and no change.
pub(super) fn own_change(event: &Event, me: &UserId) -> Option<Change> {
    if event.kind() != "m.room.member" || event.state_key() != Some(me.as_str()) {
        return None;
    }
    match event.decode::<Content>().ok()?.membership.as_str() {
        "join" if was_in(event) => None,
        "join" => Some(Change::Came),
        "leave" | "ban" => Some(Change::Went),
        _ => None,
    }
}

/// Whether we were in the room at the start of a timeline.
///
/// `is_joined_to` tells that the timeline begins where the one before it ended.
pub(super) fn is_in_at_start<'a>(
    mut timeline: impl Iterator<Item = &'a Event>,
    me: &UserId,
    before: &RoomFacts,
    is_joined_to: bool,
) -> bool {
    if is_joined_to && before.membership == Membership::Join {
        return true;
    }
    let first = timeline.find_map(|event| own_change(event, me));
    first != Some(Change::Came)
}

/// Whether a join says itself that we were in the room before it. Where a server leaves
/// out what was before, but says that something was, it is no coming: it is better to
/// handle what was said to the room than to lose it.
fn was_in(join: &Event) -> bool {
    let Ok(wire) = join.raw().decode::<Wire>() else {
        return false;
    };
    let unsigned = wire.unsigned.unwrap_or_default();
    match unsigned.prev_content.and_then(|content| content.membership) {
        Some(membership) => membership == "join",
        None => unsigned.replaces_state.is_some(),
    }
}

#[derive(Deserialize)]
struct Content {
    membership: String,
}

#[derive(Deserialize)]
struct Wire {
    unsigned: Option<Unsigned>,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    prev_content: Option<PrevContent>,
    replaces_state: Option<String>,
}

#[derive(Deserialize)]
struct PrevContent {
    membership: Option<String>,
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, room_id, user_id};

    use super::*;
    use crate::RawJson;

    fn member(membership: &str, unsigned: &str) -> Event {
        let json = format!(
            r#"{{"event_id":"$e","sender":"@a:x","type":"m.room.member","state_key":"@me:x",
                "content":{{"membership":"{membership}"}},"unsigned":{unsigned}}}"#
        );
        Event::read(room_id!("!r:x"), &RawJson::new(json).unwrap()).unwrap()
    }

    fn change(membership: &str, unsigned: &str) -> Option<Change> {
        own_change(&member(membership, unsigned), user_id!("@me:x"))
    }

    #[test]
    fn a_join_after_a_join_is_no_coming() {
        let was = |before: &str| format!(r#"{{"prev_content":{{"membership":"{before}"}}}}"#);

        assert_eq!(change("join", &was("invite")), Some(Change::Came));
        assert_eq!(change("join", &was("leave")), Some(Change::Came));
        assert_eq!(change("join", &was("join")), None);
        assert_eq!(change("join", "{}"), Some(Change::Came));
        assert_eq!(change("join", r#"{"replaces_state":"$o"}"#), None);
        assert_eq!(change("join", r#"{"prev_content":7}"#), Some(Change::Came));
        assert_eq!(change("leave", &was("join")), Some(Change::Went));
        assert_eq!(change("ban", &was("join")), Some(Change::Went));
        assert_eq!(change("invite", "{}"), None);
    }

    #[test]
    fn the_first_change_tells_how_a_timeline_begins() {
        let me = user_id!("@me:x");
        let mut joined = RoomFacts::unknown(owned_room_id!("!r:x"));
        joined.membership = Membership::Join;
        let came = [member("join", "{}"), member("leave", "{}")];
        let went = [member("leave", "{}"), member("join", "{}")];

        assert!(!is_in_at_start(came.iter(), me, &joined, false));
        assert!(is_in_at_start(came.iter(), me, &joined, true));
        assert!(is_in_at_start(went.iter(), me, &joined, false));
        assert!(is_in_at_start([].iter(), me, &joined, false));
    }
}
