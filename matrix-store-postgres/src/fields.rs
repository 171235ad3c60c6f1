//! Between columns and the types of the contract.

use std::{error::Error, time::Duration};

use matrix_bridge_core::{RawJson, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use tokio_postgres::{Row, types::FromSql};

use crate::{
    fault::{Fault, Reason},
    text,
};

/// The column of a number.
pub(crate) const fn number(value: u64) -> i64 {
    if value > i64::MAX.unsigned_abs() {
        i64::MAX
    } else {
        value.cast_signed()
    }
}

/// The column of a time. The last value stands for all that lie beyond: never.
pub(crate) const fn time(at: Timestamp) -> i64 {
    number(at.0)
}

/// The time of a column.
pub(crate) const fn from_time(value: i64) -> Timestamp {
    if value == i64::MAX {
        Timestamp(u64::MAX)
    } else {
        Timestamp(value.unsigned_abs())
    }
}

/// The column of a span, in milliseconds; a very long one leaves room for a time before.
pub(crate) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).map_or(i64::MAX / 2, |span| span.min(i64::MAX / 2))
}

/// For `LIMIT`.
pub(crate) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// The column of a value of ours that is kept as one.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Invalid(error.into()))
}

/// The columns of one row of a table.
pub(crate) struct Fields<'a> {
    row: &'a Row,
    table: &'static str,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(row: &'a Row, table: &'static str) -> Self {
        Self { row, table }
    }

    /// A column as it is.
    pub(crate) fn get<T: FromSql<'a>>(&self, column: &'static str) -> Result<T, Fault> {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A number that is never negative.
    pub(crate) fn number(&self, column: &'static str) -> Result<u64, Fault> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|error| self.corrupt(column, error))
    }

    /// A number of 32 bits.
    pub(crate) fn small(&self, column: &'static str) -> Result<u32, Fault> {
        let value: i64 = self.get(column)?;
        u32::try_from(value).map_err(|error| self.corrupt(column, error))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, Fault> {
        self.get(column).map(from_time)
    }

    /// A time that may be missing.
    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Fault> {
        Ok(self.get::<Option<i64>>(column)?.map(from_time))
    }

    /// A text in which a NUL was escaped.
    pub(crate) fn text(&self, column: &'static str) -> Result<String, Fault> {
        self.get(column).map(text::decode)
    }

    /// Such a text that may be missing.
    pub(crate) fn optional_text(&self, column: &'static str) -> Result<Option<String>, Fault> {
        Ok(self.get::<Option<String>>(column)?.map(text::decode))
    }

    /// A text that is an id or a name of ours.
    pub(crate) fn parse<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, Fault> {
        parse(self.text(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// Such a text that may be missing.
    pub(crate) fn parse_optional<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        let text = self.optional_text(column)?;
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

    /// JSON from outside, as it came.
    pub(crate) fn raw(&self, column: &'static str) -> Result<RawJson, Fault> {
        let bytes: Vec<u8> = self.get(column)?;
        let text = String::from_utf8(bytes).map_err(|error| self.corrupt(column, error))?;
        RawJson::new(text).map_err(|error| self.corrupt(column, error))
    }

    /// A value of ours that is kept as one.
    pub(crate) fn value<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, Fault> {
        let bytes: &[u8] = self.get(column)?;
        serde_json::from_slice(bytes).map_err(|error| self.corrupt(column, error))
    }

    /// What is wrong with a column.
    pub(crate) fn corrupt(
        &self,
        column: &str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Fault {
        let id = self.row.try_get::<_, i64>("id");
        let row = id.map_or_else(|_| "?".to_owned(), |id| id.to_string());
        Fault::Corrupt {
            place: format!("reading column {column} of {} {row}", self.table),
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_and_never_stays_never() {
        for at in [0, 1_700_000_000_000, u64::MAX].map(Timestamp) {
            assert_eq!(from_time(time(at)), at);
        }
    }
}
