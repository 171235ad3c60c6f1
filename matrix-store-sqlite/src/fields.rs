//! Between our types and the columns of a row.

use std::error::Error;

use matrix_bridge_core::Timestamp;
use rusqlite::{
    Row,
    types::{FromSql, ValueRef},
};

use crate::fault::{Fault, Reason};

/// The column for a time.
///
/// SQLite's integers end half way; times in the upper half, 292 million years from now,
/// are all kept as "never", which is also the largest [`Timestamp`].
pub(crate) fn time(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The column for an id or a count. Those of ours never come near the end.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The column for a `LIMIT`.
pub(crate) fn limit(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// One row of a result; what does not read back is [`Fault::Corrupt`].
///
/// Columns are asked for by name. The first one names the row in errors.
pub(crate) struct Fields<'r> {
    row: &'r Row<'r>,
    table: &'static str,
}

impl<'r> Fields<'r> {
    pub(crate) const fn new(row: &'r Row<'r>, table: &'static str) -> Self {
        Self { row, table }
    }

    /// The column as it is.
    pub(crate) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, Fault> {
        self.row
            .get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A column that holds no negative numbers.
    pub(crate) fn number(&self, column: &'static str) -> Result<u64, Fault> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|error| self.corrupt(column, error))
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, Fault> {
        self.number(column).map(from_column)
    }

    /// A time that may be missing.
    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Fault> {
        match self.get::<Option<i64>>(column)? {
            Some(_) => self.time(column).map(Some),
            None => Ok(None),
        }
    }

    /// A text that is an id or a name of ours.
    pub(crate) fn parse<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, Fault> {
        parse(self.get(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// A text that may be missing.
    pub(crate) fn parse_optional<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        let text: Option<String> = self.get(column)?;
        text.map(parse)
            .transpose()
            .map_err(|error| self.corrupt(column, error))
    }

    /// One of a closed list of names.
    pub(crate) fn name<T>(
        &self,
        column: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        self.parse(column, |name| {
            from_name(&name).ok_or(Reason("the name is not known to this version"))
        })
    }

    /// Bytes, decoded.
    pub(crate) fn bytes<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        decode: impl FnOnce(Vec<u8>) -> Result<T, E>,
    ) -> Result<T, Fault> {
        decode(self.get(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// What is wrong with a column.
    pub(crate) fn corrupt(
        &self,
        column: &str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Fault {
        let table = self.table;
        let row = match self.row.get_ref(0) {
            Ok(ValueRef::Integer(id)) => id.to_string(),
            Ok(ValueRef::Text(text)) => shown(text),
            _ => "?".to_owned(),
        };
        Fault::Corrupt {
            place: format!("reading column {column} of {table} {row}"),
            source: source.into(),
        }
    }
}

/// An id as it is shown to a person, whatever is in it.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|c| !c.is_control()).take(255).collect()
}

const fn from_column(value: u64) -> Timestamp {
    // The mirror of `time`: the last value stands for all that lie beyond.
    if value == i64::MAX.unsigned_abs() {
        Timestamp(u64::MAX)
    } else {
        Timestamp(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_and_never_stays_never() {
        let back = |at| from_column(time(at).unsigned_abs());

        assert_eq!(back(Timestamp(0)), Timestamp(0));
        assert_eq!(
            back(Timestamp(1_700_000_000_000)),
            Timestamp(1_700_000_000_000)
        );
        assert_eq!(back(Timestamp(u64::MAX)), Timestamp(u64::MAX));
    }
}
