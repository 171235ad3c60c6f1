//! What answers of the homeserver say.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Response, header::RETRY_AFTER};
use serde_json::Value;

/// What an answer shows of rooms, for the trace.
pub(super) struct Shown<'a>(pub(super) &'a Response<Bytes>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: Value = serde_json::from_slice(self.0.body()).unwrap_or_default();
        let ids = |events: &Value| {
            let events = events.as_array().into_iter().flatten();
            let ids: Vec<_> = events
                .filter_map(|event| event["event_id"].as_str())
                .collect();
            ids.join(" ")
        };
        if body["chunk"].is_array() {
            write!(
                f,
                " {} to {}: {}",
                body["start"],
                body["end"],
                ids(&body["chunk"])
            )?;
        }
        let sections = body["rooms"].as_object().into_iter().flatten();
        for (section, rooms) in sections {
            for (id, room) in rooms.as_object().into_iter().flatten() {
                let timeline = &room["timeline"];
                let (limited, before) = (&timeline["limited"], &timeline["prev_batch"]);
                let ids = ids(&timeline["events"]);
                write!(
                    f,
                    "\n    {section} {id}, limited {limited} at {before}: {ids}"
                )?;
            }
        }
        Ok(())
    }
}

/// The larger of what header and body say; nothing where neither says anything.
pub(super) fn asked_wait(response: &Response<Bytes>) -> Duration {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let body = Duration::from_millis(body["retry_after_ms"].as_u64().unwrap_or_default());
    let header = response.headers().get(RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
    body.max(Duration::from_secs(seconds.unwrap_or_default()))
}

/// A part of a path as it was before it was percent-encoded.
pub(crate) fn decoded(part: &str) -> String {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || {
            bytes
                .next()
                .and_then(|digit| char::from(digit).to_digit(16))
        };
        let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        out.extend(value.and_then(|value| u8::try_from(value).ok()));
    }
    String::from_utf8_lossy(&out).into_owned()
}
