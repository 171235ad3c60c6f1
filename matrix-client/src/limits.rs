//! The bounds of each kind of request.

use std::time::Duration;

use crate::Limits;

const MIB: usize = 1024 * 1024;

/// The longest body of an answer that is not a success; the rest is cut off.
pub(crate) const MAX_ERROR: usize = 64 * 1024;

/// Everything that answers at once.
pub(crate) const SHORT: Limits = Limits {
    timeout: Duration::from_secs(60),
    max_response: 16 * MIB,
};

/// `/sync`, which may hold a first view of a large account.
pub(crate) const SYNC: Limits = Limits {
    timeout: Duration::from_secs(120),
    max_response: 256 * MIB,
};

/// How long the homeserver may hold a `/sync` without news.
pub(crate) const LONG_POLL: Duration = Duration::from_secs(30);
