//! Names of what is stored: a table, and a place in it.

use std::fmt::Write as _;

use matrix_bridge_core::{Account, Digest, LaneId, Timestamp};

use super::table::{Table, name_of};

/// The name of one thing, or the beginning of the names of several.
///
/// Numbers in it are in the order of their size. Texts that may be long or anything at
/// all are in it as digests; a text that names have to be ordered by is the last part.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    bytes: Vec<u8>,
}

impl Key {
    /// Everything.
    pub(crate) const fn all() -> Self {
        Self { bytes: Vec::new() }
    }

    /// All of that table.
    pub(crate) fn of(table: Table) -> Self {
        Self {
            bytes: vec![table as u8],
        }
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn time(self, at: Timestamp) -> Self {
        self.number(at.0)
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.bytes.push(byte);
        self
    }

    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.bytes(digest.as_bytes())
    }

    pub(crate) fn account(self, account: &Account) -> Self {
        self.digest(&digest_of(account.as_str()))
    }

    pub(crate) fn lane(self, lane: &LaneId) -> Self {
        self.digest(&digest_of(lane.as_str()))
    }

    /// Only as the last part.
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A key that was found.
impl From<sled::IVec> for Key {
    fn from(bytes: sled::IVec) -> Self {
        Self {
            bytes: bytes.to_vec(),
        }
    }
}

/// What stands for a text in keys.
pub(crate) fn digest_of(text: &str) -> Digest {
    Digest::of(&Account::new(""), text)
}

/// What stands for a pair of texts in keys; no two pairs have one.
pub(crate) fn digest_of_pair(first: &str, second: &str) -> Digest {
    Digest::of(&Account::new(first), second)
}

/// A key as a person is shown it.
pub(crate) fn shown(key: &[u8]) -> String {
    let Some((table, rest)) = key.split_first() else {
        return "nothing".to_owned();
    };
    let mut text = name_of(*table).to_owned();
    if let Ok(number) = rest.try_into() {
        let _infallible = write!(text, " {}", u64::from_be_bytes(number));
    } else if let Ok(name) = std::str::from_utf8(rest)
        && name.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    {
        let _infallible = write!(text, " {name}");
    } else {
        text.push(' ');
        for byte in rest.iter().take(32) {
            let _infallible = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_their_numbers() {
        let key = |number| Key::of(Table::Row).number(number);

        assert!(key(1) < key(256));
        assert!(key(u64::MAX - 1) < key(u64::MAX));
        assert!(key(u64::MAX) < Key::of(Table::Body));
    }

    #[test]
    fn a_key_is_shown_by_table_and_number_or_name() {
        let shown = |key: Key| shown(key.as_bytes());

        assert_eq!(shown(Key::of(Table::Row).number(12)), "Row 12");
        assert_eq!(shown(Key::of(Table::Count).text("marks")), "Count marks");
        assert_eq!(shown(Key::of(Table::Lane).byte(0xfe)), "Lane fe");
    }
}
