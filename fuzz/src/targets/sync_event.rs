//! Any JSON value where `/sync` has an event: the source goes on, and hands it over as it
//! came, unless it is too short to be one.

use matrix_bridge::RawJson;
use serde_json::value::RawValue;

use super::sync_body::read;

/// The length of the shortest event with an id.
const SHORTEST: usize = r#"{"event_id":"$"}"#.len();
/// An event that follows the other one.
const SECOND: &str = r#"{"event_id":"$second"}"#;

pub(crate) fn run(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<&RawValue>(input) else {
        return;
    };
    let value = value.get();
    let list = format!(r#"{{"events":[{value},{SECOND}],"limited":false}}"#);
    let body = format!(
        r#"{{"next_batch":"next","presence":{value},"to_device":{value},
            "account_data":{value},"rooms":{{"knock":{value},
            "join":{{"!odd:x":{value},
                "!room:x":{{"timeline":{list},"state":{list},"ephemeral":{value}}}}},
            "invite":{{"!invite:x":{{"invite_state":{list}}}}}}}}}"#
    );

    let batch = read(body.into()).unwrap_or_else(|error| panic!("{error}"));

    let lists = batch.rooms.iter().filter(|room| room.room != "!odd:x");
    let lists = lists.flat_map(|room| [&room.timeline, &room.state]);
    let lists: Vec<Vec<&str>> = lists
        .map(|list| list.iter().map(RawJson::as_str).collect())
        .filter(|list: &Vec<_>| !list.is_empty())
        .collect();
    let expected = [value, SECOND];
    let is_kept = value.len() >= SHORTEST;
    let expected = expected.get(usize::from(!is_kept)..).unwrap_or_default();
    assert_eq!(lists, [expected; 3]);
}
