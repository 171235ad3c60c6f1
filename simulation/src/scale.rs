//! How large a day is.

use std::time::Duration;

use matrix_bridge_testkit::virtual_time::SeededRandom;

/// How large a day is; it varies with the seed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scale {
    /// Rooms.
    pub rooms: u64,
    /// Messages of people, questions or not.
    pub messages: u64,
    /// Things that go wrong.
    pub faults: u64,
    /// How long it lasts, until nothing goes wrong any more.
    pub span: Duration,
    /// Whether the store is a file.
    pub is_sqlite: bool,
}

impl Scale {
    /// The day of `seed`.
    ///
    /// Most are small: many beginnings find more than few long runs. Faults per message
    /// stay as they are.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let dice = SeededRandom::new(seed ^ 0x5ca1e);
        let doublings = dice.below(100).min(dice.below(100)).min(dice.below(100));
        let size = 1 + doublings / 14;
        let messages = 60 * size * size + dice.below(60);
        Self {
            rooms: 5 + dice.below(5 * size),
            messages,
            faults: 40 + messages / 3,
            span: Duration::from_secs(3_600 * size * (1 + dice.below(3))),
            is_sqlite: dice.below(10) == 0,
        }
    }
}
