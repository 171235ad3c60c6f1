//! Answers to `/sync`, one after the other, before the whole engine: it gets over all of
//! them and still answers.
//!
//! A line of JSON is an event; events that follow one another come together. A line that
//! begins with `{"next_batch"` is a whole body, one that begins with a status a refusal,
//! with the `Retry-After` header up to a `|` and then the body. Any other line is a body.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{assert_fit_to_tell, block_on, bot::converse, canned::Answer};

/// More answers would only take longer.
const MOST: usize = 64;
/// Each may ask for a wait of a day, in which the engine looks after itself every second.
const MOST_REFUSALS: usize = 2;

pub(crate) fn run(input: &[u8]) {
    let seen = block_on(converse(answers(input)));
    for reason in &seen.health.reasons {
        assert_fit_to_tell(&reason.message);
    }
    for (path, body) in &seen.sends {
        assert!(path.len() < 2_000, "a path of {} bytes", path.len());
        assert!(body.len() <= 64 * 1024, "a body of {} bytes", body.len());
    }
}

fn answers(input: &[u8]) -> Vec<Answer> {
    let (mut answers, mut events, mut refusals) = (Vec::new(), Vec::new(), 0);
    for line in input.split(|byte| *byte == b'\n').take(MOST) {
        if let Some(event) = event(line) {
            events.push(event);
            continue;
        }
        answers.extend(together(&mut events, answers.len()));
        let is_refusal = line.first().is_some_and(u8::is_ascii_digit);
        if !is_refusal {
            answers.push(Answer::ok(Bytes::copy_from_slice(line)));
        } else if refusals < MOST_REFUSALS {
            refusals += 1;
            answers.push(Answer::read(&split_once(line)));
        }
    }
    answers.extend(together(&mut events, answers.len()));
    answers
}

fn event(line: &[u8]) -> Option<&str> {
    if line.starts_with(b"{\"next_batch\"") || !line.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice::<&RawValue>(line)
        .ok()
        .map(RawValue::get)
}

/// The events so far as one sync, in each place where events are.
fn together(events: &mut Vec<&str>, number: usize) -> Option<Answer> {
    if events.is_empty() {
        return None;
    }
    let events = std::mem::take(events).join(",");
    Some(Answer::ok(format!(
        r#"{{"next_batch":"s{number}","to_device":{{"events":[{events}]}},"rooms":{{
            "join":{{"!hostile:testkit.local":{{
                "state":{{"events":[{events}]}},
                "timeline":{{"events":[{events}],"limited":true}}}}}},
            "invite":{{"!invite{number}:x":{{"invite_state":{{"events":[{events}]}}}}}},
            "leave":{{"!left:testkit.local":{{"timeline":{{"events":[{events}]}}}}}}}}}}"#
    )))
}

/// With the first `|` as the end of the first line.
fn split_once(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    if let Some(byte) = line.iter_mut().find(|byte| **byte == b'|') {
        *byte = b'\n';
    }
    line
}
