//! What is wrong in a configuration, in one line.

use std::fmt;

/// Where a value stands, or should.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// The file itself.
    File(String),
    /// A key of the file.
    Key {
        /// The file.
        file: String,
        /// The key, dotted.
        key: String,
    },
    /// A variable of the environment.
    Variable(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            Self::Key { file, key } => write!(f, "{file}: {key}"),
            Self::Variable(name) => write!(f, "environment: {name}"),
        }
    }
}

/// A mistake: where, what was found, what is expected. It never holds a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ConfigError {
    place: Place,
    found: String,
    expected: String,
}

impl ConfigError {
    /// At `place` something was found that is not what is expected.
    pub(crate) fn new(
        place: &Place,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            place: place.clone(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            found,
            expected,
        } = self;
        write!(f, "{place}: found {found}, expected {expected}")
    }
}

impl std::error::Error for ConfigError {}

/// `text` as it is shown to a person: quoted, on one line, shortened.
///
/// A token in the wrong place is a likely mistake, and must not get into a log by it.
pub(crate) fn shown(text: &str) -> String {
    const MAX: usize = 100;
    const TOKENS: [&str; 4] = ["syt_", "mct_", "mcr_", "mat_"];
    if TOKENS.iter().any(|prefix| text.contains(prefix)) {
        return "what looks like an access token".to_owned();
    }
    if text.is_empty() {
        return "an empty value".to_owned();
    }
    let start: String = text.chars().take(MAX).collect();
    let rest = if start.len() < text.len() { "..." } else { "" };
    format!("{start:?}{rest}")
}
