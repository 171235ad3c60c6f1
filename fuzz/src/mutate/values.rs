//! Changes of JSON by whole values: odd, but legal.

use std::ops::Range;

use fastrand::Rng;

use super::bytes::insert;

/// Names and values that our readers look for, and some that no reader likes.
pub(super) const WORDS: &[&str] = &[
    "\"event_id\":",
    "\"sender\":",
    "\"type\":",
    "\"state_key\":",
    "\"origin_server_ts\":",
    "\"content\":",
    "\"m.relates_to\":",
    "\"rel_type\":",
    "\"m.in_reply_to\":",
    "\"m.new_content\":",
    "\"msgtype\":\"m.text\",",
    "\"body\":",
    "\"next_batch\":",
    "\"rooms\":",
    "\"join\":",
    "\"invite\":",
    "\"leave\":",
    "\"timeline\":",
    "\"limited\":true,",
    "\"events\":",
    "\"errcode\":",
    "\"retry_after_ms\":",
    "\"soft_logout\":",
    "\"membership\":",
    "\"replacement_room\":",
    "\"m.room.message\"",
    "\"m.room.member\"",
    "\"m.room.encryption\"",
    "\"m.room.tombstone\"",
    "\"m.thread\"",
    "\"m.replace\"",
    "\"!ping\"",
    "> <@a:b> ",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "\\ud83d\\ude00",
    "\u{202e}",
    "\u{feff}",
];

const LEAVES: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e-999",
    "0.1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "9007199254740993",
    "123456789012345678901234567890",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u202e\\u001b[31m\"",
    "\"$\"",
    "\"$e:x\"",
    "\"!\"",
    "\"!r:x\"",
    "\"@\"",
    "\"@:x\"",
    "\"@a:x\"",
    "\"@bot:testkit.local\"",
    "\"m.thread\"",
    "{}",
    "[]",
    "[[],{}]",
    "{\"\":\"\"}",
];

/// Replaces, repeats, removes or moves one value.
pub(super) fn change(input: &mut Vec<u8>, other: &[u8], max: usize, rng: &mut Rng) {
    let spans = values(input);
    let Some(span) = rng.choice(&spans).cloned() else {
        insert(input, 0, value(max, rng).as_bytes());
        return;
    };
    let kept = input.get(span.clone()).unwrap_or_default().to_vec();
    match rng.u8(..8) {
        0 => insert(input, span.end, &[b",", kept.as_slice()].concat()),
        1 => twice(input, span, rng),
        2 => drop(input.drain(span)),
        3 => {
            let theirs = values(other);
            let part = rng.choice(&theirs).and_then(|span| other.get(span.clone()));
            put(input, span, part.unwrap_or(b"null"));
        }
        4 => {
            let (open, close) = if rng.bool() {
                ("[", "]")
            } else {
                ("{\"content\":", "}")
            };
            put(
                input,
                span,
                &[open.as_bytes(), &kept, close.as_bytes()].concat(),
            );
        }
        _ => put(input, span, value(max, rng).as_bytes()),
    }
}

fn put(input: &mut Vec<u8>, span: Range<usize>, part: &[u8]) {
    input.splice(span, part.iter().copied());
}

/// A key that is there twice: the same pair again, with another value.
fn twice(input: &mut Vec<u8>, span: Range<usize>, rng: &mut Rng) {
    let before = input.get(..span.start).unwrap_or_default();
    let Some(colon) = before.strip_suffix(b":") else {
        return;
    };
    let Some(start) = values(colon)
        .into_iter()
        .rfind(|key| key.end == colon.len())
    else {
        return;
    };
    let key = colon.get(start).unwrap_or_default();
    let leaf = rng.choice(LEAVES).copied().unwrap_or("0");
    let pair = [b",", key, b":", leaf.as_bytes()].concat();
    insert(input, span.end, &pair);
}

/// A value that few people expect.
fn value(max: usize, rng: &mut Rng) -> String {
    let length = size(max, rng);
    let text = |unit: &str, open: &str, close: &str| {
        let units = unit.repeat(length / unit.len());
        format!("{open}{units}{close}")
    };
    match rng.u8(..16) {
        0 => deep("[", "]", length, rng),
        1 => deep("{\"a\":", "}", length, rng),
        2 => deep("[{\"content\":", "}]", length, rng),
        3 => text("x", "\"$", "\""),
        4 => text("x", "\"@", ":x\""),
        5 => text("\\u0000", "\"", "\""),
        6 => text("> <@a:x> q\\n", "\"", "\\n!ping\""),
        7 => text("é", "\"", "\""),
        8 => text("9", "", ""),
        9 => text("0,", "[", "0]"),
        10 => text("{},", "[", "{}]"),
        11 => text("\"a\":0,", "{", "\"b\":0}"),
        12 => many_keys(length),
        _ => rng.choice(LEAVES).copied().unwrap_or("null").to_owned(),
    }
}

fn many_keys(length: usize) -> String {
    let pairs: String = (0..length / 12).map(|n| format!("\"!{n}:x\":0,")).collect();
    format!("{{{pairs}\"\":0}}")
}

/// Nested, around something small or nothing; sometimes without its end.
fn deep(open: &str, close: &str, length: usize, rng: &mut Rng) -> String {
    let depth = length / (open.len() + close.len());
    let close = close.repeat(if rng.u8(..8) == 0 { 0 } else { depth });
    format!("{}0{close}", open.repeat(depth))
}

/// Mostly small, about the limits that matter, and sometimes as large as fits.
fn size(max: usize, rng: &mut Rng) -> usize {
    const EDGES: [usize; 12] = [1, 2, 16, 127, 128, 253, 254, 255, 256, 257, 1_000, 4_096];
    match rng.u8(..16) {
        0 => max,
        1 => rng.usize(..=max),
        _ => rng.choice(EDGES).unwrap_or(1),
    }
}

/// The spans of all values and keys in `input`, also where it is only nearly JSON.
fn values(input: &[u8]) -> Vec<Range<usize>> {
    /// Enough to choose from; more would take longer than the target itself.
    const MOST: usize = 4_096;
    let (mut spans, mut open) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(byte) = input.get(at)
        && spans.len() < MOST
    {
        let end = match byte {
            b'"' => end_of_string(input, at + 1),
            b'-' | b'0'..=b'9' | b'a'..=b'z' => end_of_word(input, at),
            b'{' | b'[' => {
                open.push(at);
                at + 1
            }
            b'}' | b']' => {
                spans.extend(open.pop().map(|start| start..at + 1));
                at + 1
            }
            _ => at + 1,
        };
        if !matches!(byte, b'{' | b'[' | b'}' | b']' | b',' | b':' | b' ' | b'\n') {
            spans.push(at..end);
        }
        at = end;
    }
    spans
}

fn end_of_string(input: &[u8], mut at: usize) -> usize {
    while let Some(byte) = input.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    input.len()
}

fn end_of_word(input: &[u8], start: usize) -> usize {
    let rest = input.get(start..).unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    start + rest.iter().take_while(|byte| is_part(byte)).count()
}
