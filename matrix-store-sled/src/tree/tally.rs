//! How many batches were reported as written, beside the log.
//!
//! sled takes a place of its log that it cannot read for the place where a crash cut off
//! the last write: it goes back to what comes before, and says nothing. So the number of
//! batches is in the log and in a file beside it, and the log may not be behind.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

/// The name of the file.
pub(super) const NAME: &str = "commits";

/// The file.
#[derive(Debug)]
pub(super) struct Tally(File);

impl Tally {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(folder.join(NAME)).map(Self)
    }

    /// The last number that was noted; 0 where there is none that can be read. After a
    /// loss of power it may be an earlier one.
    pub(super) fn read(&self) -> io::Result<u64> {
        let mut content = Vec::new();
        let mut file = &self.0;
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut content)?;
        Ok(decode(&content).unwrap_or(0))
    }

    /// Notes that this batch is on disk. It is not synced: a number that comes too late
    /// there only finds less.
    pub(super) fn note(&self, number: u64) {
        let mut file = &self.0;
        let noted = file
            .seek(SeekFrom::Start(0))
            .and_then(|_start| file.write_all(&encode(number)));
        if let Err(error) = noted {
            tracing::warn!(%error, "the number of commits could not be noted");
        }
    }
}

/// The number, and what proves that it was written whole.
fn encode(number: u64) -> [u8; 16] {
    let mut content = [0; 16];
    let (left, right) = content.split_at_mut(8);
    left.copy_from_slice(&number.to_be_bytes());
    right.copy_from_slice(&(!number).to_be_bytes());
    content
}

fn decode(content: &[u8]) -> Option<u64> {
    let ([number, proof], []) = content.as_chunks::<8>() else {
        return None;
    };
    let number = u64::from_be_bytes(*number);
    (!number == u64::from_be_bytes(*proof)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_half_a_number_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let tally = Tally::open(folder.path()).unwrap();
        assert_eq!(tally.read().unwrap(), 0);

        tally.note(7);
        tally.note(300);

        assert_eq!(tally.read().unwrap(), 300);
        assert_eq!(decode(&encode(300)[..15]), None);
        assert_eq!(decode(&[0; 16]), None);
    }
}
