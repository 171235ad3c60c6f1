//! From a value as it stands there to what it means.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use axum::http::Uri;
use matrix_bridge::ruma::{OwnedUserId, UserId};
use toml::Value;

use super::error::{ConfigError, Place, shown};

/// A value and where it was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where.
    pub(crate) place: Place,
    raw: Raw,
}

#[derive(Debug)]
enum Raw {
    /// A variable: whatever it means is in its text.
    Text(String),
    /// A key: it has a type.
    Toml(Value),
}

impl Found {
    /// A variable's text.
    pub(crate) const fn text(place: Place, text: String) -> Self {
        Self {
            place,
            raw: Raw::Text(text),
        }
    }

    /// A key's value.
    pub(crate) const fn toml(place: Place, value: Value) -> Self {
        Self {
            place,
            raw: Raw::Toml(value),
        }
    }

    /// The mistake that this is not what is expected.
    pub(crate) fn wrong(&self, expected: &str) -> ConfigError {
        let found = match &self.raw {
            Raw::Text(text) => shown(text),
            Raw::Toml(Value::String(text)) => shown(text),
            Raw::Toml(value) => described(value),
        };
        ConfigError::new(&self.place, found, expected)
    }

    /// The text of a secret; otherwise only its type, which is no secret.
    pub(crate) fn secret_text(&self) -> Result<&str, &'static str> {
        match &self.raw {
            Raw::Text(text) | Raw::Toml(Value::String(text)) => Ok(text),
            Raw::Toml(Value::Integer(_)) => Err("an integer"),
            Raw::Toml(_) => Err("something that is no text"),
        }
    }

    /// A text that is not empty.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.raw {
            Raw::Text(text) | Raw::Toml(Value::String(text)) if !text.is_empty() => Some(text),
            Raw::Text(_) | Raw::Toml(_) => None,
        }
    }

    /// The elements, if it is an array of the file.
    pub(crate) fn as_array(&self) -> Option<&[Value]> {
        match &self.raw {
            Raw::Toml(Value::Array(array)) => Some(array),
            Raw::Toml(_) | Raw::Text(_) => None,
        }
    }

    fn as_count(&self) -> Option<u64> {
        match &self.raw {
            Raw::Toml(Value::Integer(number)) => u64::try_from(*number).ok(),
            Raw::Text(text) => whole(text),
            Raw::Toml(_) => None,
        }
    }

    /// A text.
    pub(crate) fn read_text(&self, expected: &str) -> Result<String, ConfigError> {
        let text = self.as_text().ok_or_else(|| self.wrong(expected))?;
        Ok(text.to_owned())
    }

    /// A path.
    pub(crate) fn read_path(&self, expected: &str) -> Result<PathBuf, ConfigError> {
        self.read_text(expected).map(PathBuf::from)
    }

    /// Yes or no.
    pub(crate) fn read_bool(&self) -> Result<bool, ConfigError> {
        match &self.raw {
            Raw::Toml(Value::Boolean(value)) => Ok(*value),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            Raw::Toml(_) | Raw::Text(_) => Err(self.wrong("true or false")),
        }
    }

    /// One of a few words.
    pub(crate) fn read_choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.as_text();
        let chosen = choices.iter().find(|(name, _)| Some(*name) == text);
        chosen
            .map(|(_, value)| *value)
            .ok_or_else(|| self.wrong(&one_of(choices)))
    }

    /// A whole number, 1 or larger.
    pub(crate) fn read_positive(&self) -> Result<u64, ConfigError> {
        self.as_count()
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong("a whole number, 1 or larger"))
    }

    /// `skip` as `None`, or a whole number up to `max`.
    pub(crate) fn read_skip_or(&self, max: u32) -> Result<Option<u32>, ConfigError> {
        if self.as_text() == Some("skip") {
            return Ok(None);
        }
        let number = self.as_count().and_then(|number| number.try_into().ok());
        match number.filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(&format!("\"skip\" or a whole number up to {max}"))),
        }
    }

    /// A span of time.
    pub(crate) fn read_span(&self) -> Result<Duration, ConfigError> {
        let span = match self.as_text() {
            Some(text) => span(text),
            None => self.as_count().and_then(|seconds| seconds_of(seconds, 1)),
        };
        span.ok_or_else(|| {
            self.wrong("a span such as 30d, 12h, 5m, 90s or 500ms, or a whole number of seconds")
        })
    }

    /// The base URL of a homeserver, without what a request adds.
    pub(crate) fn read_url(&self, expected: &str) -> Result<String, ConfigError> {
        let text = self.as_text().ok_or_else(|| self.wrong(expected))?;
        let uri: Uri = text.parse().map_err(|_| self.wrong(expected))?;
        let authority = uri.authority().ok_or_else(|| self.wrong(expected))?;
        if authority.as_str().contains('@') {
            let found = "a URL with a user or password in it";
            return Err(ConfigError::new(&self.place, found, expected));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let is_fit = matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.host().is_empty()
            && has_port == authority.port_u16().is_some()
            && uri.query().is_none()
            && !text.contains('#');
        if is_fit {
            Ok(text.trim_end_matches('/').to_owned())
        } else {
            Err(self.wrong(expected))
        }
    }

    /// A user id.
    pub(crate) fn read_user(&self, expected: &str) -> Result<OwnedUserId, ConfigError> {
        let text = self.as_text().ok_or_else(|| self.wrong(expected))?;
        UserId::parse(text).map_err(|_| self.wrong(expected))
    }

    /// An address and port to listen on.
    pub(crate) fn read_address(&self) -> Result<SocketAddr, ConfigError> {
        let address = self.as_text().and_then(|text| text.parse().ok());
        address.ok_or_else(|| self.wrong("an IP address and port such as 127.0.0.1:9090"))
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<String> = choices
        .iter()
        .map(|(name, _)| format!("{name:?}"))
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// A value of the file with its type.
pub(crate) fn described(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string {}", shown(text)),
        Value::Integer(number) => format!("the integer {number}"),
        Value::Float(number) => format!("the float {number}"),
        Value::Boolean(value) => format!("the boolean {value}"),
        Value::Datetime(_) => "a date or time".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// Digits only: `parse` alone would take a sign.
fn whole(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// `30d`, `12h`, `5m`, `90s`, `500ms`, or seconds.
pub(crate) fn span(text: &str) -> Option<Duration> {
    if let Some(number) = text.strip_suffix("ms") {
        return seconds_of(whole(number)? / 1_000, 1)
            .and(whole(number))
            .map(Duration::from_millis);
    }
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    for (suffix, seconds) in units {
        if let Some(number) = text.strip_suffix(suffix) {
            return seconds_of(whole(number)?, seconds);
        }
    }
    seconds_of(whole(text)?, 1)
}

/// Up to a hundred years: no sum of times can overflow.
fn seconds_of(number: u64, seconds: u64) -> Option<Duration> {
    const MAX: u64 = 36_500 * 86_400;
    let seconds = number
        .checked_mul(seconds)
        .filter(|seconds| *seconds <= MAX)?;
    Some(Duration::from_secs(seconds))
}
