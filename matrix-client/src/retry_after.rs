//! How long the other side asks to wait, in every form in which it says so.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header::RETRY_AFTER};
use matrix_bridge_core::Timestamp;

/// The longest wait that is believed. Synapse was seen to ask for a day, and nobody
/// means years: after one wrong date the bot would never come back by itself.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The larger of the `Retry-After` header and `retry_after_ms`; the field where the
/// header is the same rounded up to whole seconds, as Synapse does it.
///
/// The header replaced the field in spec 1.10, but old servers send only the field and
/// proxies only the header.
pub(crate) fn retry_after(
    headers: &HeaderMap,
    millis: Option<u64>,
    now: Timestamp,
) -> Option<Duration> {
    let header = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let header = header.and_then(|text| from_header(text, now));
    let field = millis.map(Duration::from_millis);
    let asked = match (header, field) {
        (Some(header), Some(field)) if header == rounded_up(field) => Some(field),
        _ => header.max(field),
    };
    asked.map(|span| span.min(LONGEST))
}

fn rounded_up(span: Duration) -> Duration {
    let part = u64::from(span.subsec_nanos() > 0);
    Duration::from_secs(span.as_secs() + part)
}

/// Seconds, or an HTTP date.
fn from_header(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    Some(since_epoch.saturating_sub(Duration::from_millis(now.0)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(header: Option<&'static str>, millis: Option<u64>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
        }
        // 1994-11-06T08:49:07Z
        retry_after(&headers, millis, Timestamp(784_111_747_000))
    }

    #[test]
    fn the_larger_of_header_and_field_counts_or_the_one_that_was_not_rounded() {
        let ms = Duration::from_millis;
        assert_eq!(asked(None, None), None);
        assert_eq!(asked(None, Some(1_500)), Some(ms(1_500)));
        assert_eq!(asked(Some("2"), Some(1_500)), Some(ms(1_500)));
        assert_eq!(asked(Some("2"), Some(2_000)), Some(ms(2_000)));
        assert_eq!(asked(Some("3"), Some(1_500)), Some(ms(3_000)));
        assert_eq!(asked(Some("1"), Some(1_500)), Some(ms(1_500)));
        assert_eq!(
            asked(Some("Sun, 06 Nov 1994 08:49:37 GMT"), None),
            Some(ms(30_000))
        );
        assert_eq!(
            asked(Some("Sun, 06 Nov 1994 08:49:01 GMT"), None),
            Some(ms(0))
        );
        assert_eq!(asked(Some("soon"), Some(7)), Some(ms(7)));
        assert_eq!(asked(Some("-3"), None), None);
    }

    #[test]
    fn a_day_is_believed_and_nothing_longer() {
        let day = Duration::from_secs(86_400);
        assert_eq!(asked(Some("86400"), None), Some(day));
        assert_eq!(asked(Some("86401"), None), Some(day));
        assert_eq!(asked(None, Some(u64::MAX)), Some(day));
        assert_eq!(asked(Some("18446744073709551615"), Some(1)), Some(day));
        assert_eq!(
            asked(Some("Fri, 31 Dec 9999 23:59:59 GMT"), None),
            Some(day)
        );
    }
}
