//! Identifiers by counting: the same run gives the same names.

use std::collections::BTreeMap;

/// Hands out identifiers; none is ever given twice.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    given: BTreeMap<&'static str, u64>,
}

impl Ids {
    /// The next number of `kind`, from 1.
    pub(crate) fn next(&mut self, kind: &'static str) -> u64 {
        let last = self.given.entry(kind).or_default();
        *last += 1;
        *last
    }

    pub(crate) fn event(&mut self, server: &str) -> String {
        format!("$event{}:{server}", self.next("event"))
    }

    /// Room ids have no server name from version 12 on.
    pub(crate) fn room(&mut self, server: &str, version: &str) -> String {
        let number = self.next("room");
        if version == "12" {
            format!("!room{number}")
        } else {
            format!("!room{number}:{server}")
        }
    }

    pub(crate) fn device(&mut self) -> String {
        format!("DEVICE{}", self.next("device"))
    }

    pub(crate) fn token(&mut self, localpart: &str) -> String {
        format!("syt_{localpart}_{}", self.next("token"))
    }

    pub(crate) fn refresh_token(&mut self, localpart: &str) -> String {
        format!("syr_{localpart}_{}", self.next("refresh"))
    }

    pub(crate) fn media(&mut self) -> String {
        format!("media{}", self.next("media"))
    }
}
