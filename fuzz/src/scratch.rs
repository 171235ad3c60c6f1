//! The input that is being read, on disk, for when the process does not survive it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// A file with the input that is run.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    /// A file of that name in `folder`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn new(folder: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(name);
        let file = File::create(&path)?;
        Ok(Self { file, path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `input` in place of the one before.
    pub(crate) fn keep(&self, input: &[u8]) {
        let length = u64::try_from(input.len()).unwrap_or_default();
        let kept = self.file.write_all_at(input, 0);
        // Without the file only the evidence of an abort is lost.
        let _ = kept.and_then(|()| self.file.set_len(length));
    }
}
