//! A linear look at JSON before any parser sees it.
//!
//! It holds no stack per level, so that depth costs nothing; and it tells apart what
//! Synapse tells apart (measured): no JSON, a value that events may not hold, and a
//! lone surrogate, on which Synapse fails with 500.

use serde_json::Value;

use super::errors::ApiError;

/// The deepest value within a content that Synapse takes (measured), content included.
const MAX_DEPTH: usize = 126;
/// Python's parser gives up near here, which makes it "not JSON".
const PARSER_DEPTH: usize = 990;
/// The largest integer of canonical JSON.
const MAX_INTEGER: i128 = (1 << 53) - 1;

/// Parses the body of a request that becomes an event's content.
pub(crate) fn event_content(body: &[u8]) -> Result<Value, ApiError> {
    object(checked(body)?)
}

/// Parses a body whose numbers may be any (measured: to-device messages are handed on).
pub(crate) fn loose_object(body: &[u8]) -> Result<Value, ApiError> {
    object(parsed(body, &look(body))?)
}

fn object(content: Value) -> Result<Value, ApiError> {
    if content.is_object() {
        Ok(content)
    } else {
        Err(ApiError::bad_json("Content must be a JSON object"))
    }
}

/// Parses the body of a request that has an object or nothing as its body.
pub(crate) fn request_object(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        Ok(Value::Object(serde_json::Map::new()))
    } else {
        event_content(body)
    }
}

fn checked(body: &[u8]) -> Result<Value, ApiError> {
    let facts = look(body);
    let value = parsed(body, &facts)?;
    if facts.bad_number {
        return Err(ApiError::bad_json(
            "Bad JSON value: float or integer out of range",
        ));
    }
    Ok(value)
}

fn parsed(body: &[u8], facts: &Facts) -> Result<Value, ApiError> {
    if facts.depth >= PARSER_DEPTH {
        return Err(not_json());
    }
    if facts.depth > MAX_DEPTH {
        return Err(ApiError::bad_json("Invalid event JSON"));
    }
    if facts.lone_surrogate {
        return Err(ApiError::internal());
    }
    serde_json::from_slice(body).map_err(|_| not_json())
}

fn not_json() -> ApiError {
    ApiError::bad_request("M_NOT_JSON", "Content not JSON.")
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Facts {
    depth: usize,
    lone_surrogate: bool,
    bad_number: bool,
}

fn look(body: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut open, mut at) = (0_usize, 0);
    while let Some(byte) = body.get(at) {
        match byte {
            b'{' | b'[' => {
                open += 1;
                facts.depth = facts.depth.max(open);
            }
            b'}' | b']' => open = open.saturating_sub(1),
            b'"' => {
                at = end_of_string(body, at + 1, &mut facts);
                continue;
            }
            b'-' | b'0'..=b'9' => {
                at = end_of_number(body, at, &mut facts);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    facts
}

/// Where the string that was opened before `at` is over.
fn end_of_string(body: &[u8], mut at: usize, facts: &mut Facts) -> usize {
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' if body.get(at + 1) == Some(&b'u') => match escaped(body, at) {
                Some(0xD800..=0xDBFF) if matches!(escaped(body, at + 6), Some(0xDC00..=0xDFFF)) => {
                    at += 12;
                }
                Some(0xD800..=0xDFFF) => {
                    facts.lone_surrogate = true;
                    at += 6;
                }
                _ => at += 2,
            },
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// The code unit of a `\uXXXX` at `at`.
fn escaped(body: &[u8], at: usize) -> Option<u32> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn end_of_number(body: &[u8], start: usize, facts: &mut Facts) -> usize {
    let rest = body.get(start..).unwrap_or_default();
    let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = rest.iter().take_while(|b| is_part(b)).count();
    let number = rest
        .get(..length)
        .and_then(|n| str::from_utf8(n).ok())
        .unwrap_or_default();
    let is_good = number.parse::<i128>().is_ok_and(|n| n.abs() <= MAX_INTEGER);
    facts.bad_number |= !is_good;
    start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: &[u8]) -> String {
        event_content(body).map_or_else(|e| e.message(), |_| "fine".to_owned())
    }

    fn nested(depth: usize) -> Vec<u8> {
        format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
    }

    #[test]
    fn a_value_of_125_levels_is_the_deepest_that_passes() {
        assert_eq!(status(&nested(125)), "fine");
        assert!(status(&nested(126)).contains("M_BAD_JSON"));
        assert!(status(&nested(100_000)).contains("M_NOT_JSON"));
    }

    #[test]
    fn numbers_beyond_canonical_json_are_refused() {
        assert_eq!(status(br#"{"a":9007199254740991}"#), "fine");
        for bad in ["9007199254740992", "-9007199254740992", "1.5", "1.0", "1e3"] {
            assert!(
                status(format!("{{\"a\":{bad}}}").as_bytes()).contains("M_BAD_JSON"),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_a_lone_surrogate_breaks_the_server() {
        assert_eq!(status(br#"{"a":"\ud83d\ude00 \u0000 \\ud800"}"#), "fine");
        assert!(status(br#"{"a":"\ud800"}"#).starts_with("500"));
    }

    #[test]
    fn what_is_no_object_is_bad_json_and_what_is_no_json_is_not_json() {
        assert!(status(b"[]").contains("M_BAD_JSON"));
        for body in [&b""[..], b"{", b"\xff", b"{\"a\":NaN}"] {
            assert!(status(body).contains("M_NOT_JSON"));
        }
    }
}
