//! Stores keep marks by digest: an id may be 255 bytes, a digest is 16.

use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

use crate::Account;

/// The first 16 bytes of the SHA-256 of an account and an id. Not even somebody who
/// chooses event ids finds two with one digest in less than 2^64 tries.
///
/// All stores keep marks by it, so that they can be [copied](crate::copy()) from one to
/// another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; Self::LEN]);

impl Digest {
    /// How many bytes it has.
    pub const LEN: usize = 16;

    /// The digest of an event, or of another thing with an id, of `account`.
    #[must_use]
    pub fn of(account: &Account, id: &str) -> Self {
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

    /// The digest that was stored as these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// By its first bytes: it is spread already.
impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (first, _) = self.0.split_at(size_of::<u64>());
        let mut number = [0; size_of::<u64>()];
        number.copy_from_slice(first);
        state.write_u64(u64::from_le_bytes(number));
    }
}
