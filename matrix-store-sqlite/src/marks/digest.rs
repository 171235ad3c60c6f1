//! Marks are kept by digest: an id may be 255 bytes, a digest is 16.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use matrix_bridge_core::Account;
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of the SHA-256 of an account and an id. Not even somebody who
/// chooses event ids finds two with one digest in less than 2^64 tries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Digest([u8; Self::LEN]);

impl Digest {
    pub(crate) const LEN: usize = 16;

    pub(crate) fn of(account: &Account, id: &str) -> Self {
        let account = account.as_str().as_bytes();
        let mut sha = Sha256::new();
        // With its length: no account and id can pass for another pair.
        sha.update((account.len() as u64).to_le_bytes());
        sha.update(account);
        sha.update(id.as_bytes());
        let all = sha.finalize();
        let mut first = [0; Self::LEN];
        first.copy_from_slice(&all[..Self::LEN]);
        Self(first)
    }

    pub(crate) const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (first, _) = self.0.split_at(size_of::<u64>());
        let mut number = [0; size_of::<u64>()];
        number.copy_from_slice(first);
        state.write_u64(u64::from_le_bytes(number));
    }
}

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
