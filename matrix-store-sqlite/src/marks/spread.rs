//! A set of digests.

use std::hash::{BuildHasher, Hasher, RandomState};

use matrix_bridge_core::Digest;

#[expect(
    clippy::disallowed_types,
    reason = "asked for single digests, and emptied into another in any order; half the memory of \
              a BTreeSet"
)]
pub(crate) type DigestSet = std::collections::HashSet<Digest, Spread>;

/// Digests are spread already. A number that nobody outside knows keeps whoever chooses
/// events from choosing such as fall together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Spread {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let [low, high] = {
            let wide = u128::from(self.0 ^ number) * u128::from(ODD);
            [wide, wide >> u64::BITS].map(|half| half as u64)
        };
        self.0 = low ^ high;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
