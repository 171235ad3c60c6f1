//! What one row or event is called.

use std::{fmt, str::FromStr};

use matrix_bridge::{ParkedEventId, RowId};

/// One row or event that is parked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Name {
    /// `row:12`
    Row(RowId),
    /// `event:7`
    Event(ParkedEventId),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(RowId(number)) => write!(f, "row:{number}"),
            Self::Event(ParkedEventId(number)) => write!(f, "event:{number}"),
        }
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, number) = text.split_once(':').ok_or(())?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        // Stores count to the largest signed number.
        let number = number.parse::<i64>().map_err(drop)?.unsigned_abs();
        match kind {
            "row" if is_plain => Ok(Self::Row(RowId(number))),
            "event" if is_plain => Ok(Self::Event(ParkedEventId(number))),
            _ => Err(()),
        }
    }
}
