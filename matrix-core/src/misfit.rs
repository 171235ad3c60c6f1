//! What is wrong with JSON from outside, told without any of it.

use std::{error::Error, fmt};

/// Why JSON from outside cannot be read.
///
/// It says what was wrong and where, and quotes nothing: the parser's own error repeats
/// the value that does not fit, whatever its length, and messages belong in no log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Misfit(String);

impl Misfit {
    /// What is wrong according to `error` or, where it has one, to the parser's error
    /// below it.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<serde_json::Error>() {
                return Self::of_json(error);
            }
            cause = error.source();
        }
        Self(before_quotation(&error.to_string()))
    }

    /// In words, which quote nothing.
    #[must_use]
    pub const fn told(what: String) -> Self {
        Self(what)
    }

    fn of_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let (line, column) = (error.line(), error.column());
        let place = format!(" at line {line} column {column}");
        let what = before_quotation(text.strip_suffix(&place).unwrap_or(&text));
        // Without a line it was no text that was read.
        Self(if line == 0 { what } else { what + &place })
    }
}

/// The start of `text`, before anything that it quotes, on one short line.
fn before_quotation(text: &str) -> String {
    const MOST: usize = 200;
    let start = text.split(['`', '"', '\'']).next().unwrap_or_default();
    let start = start.trim_end().chars();
    start.filter(|c| !c.is_control()).take(MOST).collect()
}

impl From<serde_json::Error> for Misfit {
    fn from(error: serde_json::Error) -> Self {
        Self::of_json(&error)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Misfit {}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit<T: serde::de::DeserializeOwned + fmt::Debug>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).unwrap_err();
        Misfit::from(error).to_string()
    }

    #[test]
    fn it_says_what_and_where_and_quotes_nothing() {
        let long = format!("\"{}\"", "secret ".repeat(1_000));

        assert_eq!(
            misfit::<u8>(&long),
            "invalid type: string at line 1 column 7002"
        );
        assert_eq!(
            misfit::<u8>("\n 300"),
            "invalid value: integer at line 2 column 4"
        );
        assert_eq!(
            misfit::<crate::RowBody>("{\"secret\":1}"),
            "missing field at line 1 column 12"
        );
        assert_eq!(
            misfit::<String>("\"\\ud800\""),
            "unexpected end of hex escape at line 1 column 8"
        );
    }

    #[test]
    fn it_finds_the_parsers_error_below_others() {
        let below = serde_json::from_str::<u8>("\"secret\"").unwrap_err();
        let error = crate::StoreError::new(crate::StoreErrorKind::Corrupt, "reading");

        let misfit = Misfit::of(&error.with_source(below));

        assert_eq!(
            misfit.to_string(),
            "invalid type: string at line 1 column 8"
        );
    }
}
