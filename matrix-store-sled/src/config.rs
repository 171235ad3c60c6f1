//! How a store is opened.

use std::path::{Path, PathBuf};

use crate::{OpenError, SledStore, open};

/// Says which folder a [`SledStore`] opens, and how.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("bridge.sled");
/// use matrix_bridge_store_sled::SledConfig;
///
/// let store = SledConfig::new(&path).cache(16 << 20).open_engine()?;
/// assert!(store.path().ends_with("bridge.sled"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SledConfig {
    pub(crate) path: PathBuf,
    pub(crate) cache: u64,
    pub(crate) is_inline: bool,
}

impl SledConfig {
    /// The folder at `path`, with what fits most services.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            cache: 64 << 20,
            is_inline: false,
        }
    }

    /// How many bytes of the store are kept in memory, about; 64 MB.
    #[must_use]
    pub const fn cache(mut self, bytes: u64) -> Self {
        self.cache = bytes;
        self
    }

    /// Without a thread of our own: every call runs to its end on the caller, before it is
    /// awaited again. For tests in tokio's paused time, which runs ahead of foreign
    /// threads.
    #[must_use]
    pub const fn inline(mut self) -> Self {
        self.is_inline = true;
        self
    }

    /// Opens the store for the one engine that works on it; creates the folder if there is
    /// none, and brings an older schema up to date.
    ///
    /// sled reads its log from the last opening on, so this takes a moment after a crash;
    /// call it before the service takes requests.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what was found and what to do. A folder that is not ours is as
    /// it was.
    pub fn open_engine(self) -> Result<SledStore, OpenError> {
        open::engine(self)
    }

    /// Opens the store for [copying](matrix_bridge_core::copy) from it, or into it; creates
    /// the folder if there is none. It opens also what an interrupted copy has left.
    ///
    /// Whatever an engine does fails as invalid, and claims and leases stay as they are.
    ///
    /// # Errors
    ///
    /// As [`open_engine`](Self::open_engine).
    pub fn open_for_copy(self) -> Result<SledStore, OpenError> {
        open::for_copy(self)
    }
}
