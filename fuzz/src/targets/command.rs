//! The text of a message, as a command of the example.

use matrix_bridge::{MAX_CONTENT, RawJson};

use super::{block_on, bot::converse, canned::Answer};

pub(crate) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let body = RawJson::from_value(&*text).expect("a string is JSON");
    let sync = format!(
        r#"{{"next_batch":"s","rooms":{{"join":{{"!r:x":{{"timeline":{{"events":[{{
            "event_id":"$e","sender":"@alice:x","type":"m.room.message",
            "content":{{"msgtype":"m.text","body":{}}}}}]}}}}}}}}}}"#,
        body.as_str()
    );

    let seen = block_on(converse(vec![Answer::ok(sync)]));

    // `!slow` answers when the probe is long answered.
    let first = text.split_whitespace().next().unwrap_or_default();
    // What does not fit into an event is parked.
    let is_large = body.as_str().len() > MAX_CONTENT / 2;
    if first == "!slow" || is_large {
        return;
    }
    let is_answered = ["!ping", "!echo", "!fail"].contains(&first);
    let answers = seen.sends.iter().filter(|(path, _)| path.contains("!r:x"));
    assert_eq!(answers.count(), usize::from(is_answered));
}
