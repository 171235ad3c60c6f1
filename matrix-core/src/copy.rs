//! Moving house: the contents of one store into another.

use crate::{Contents, Place, StoreError};

/// How many records are carried at once.
const AT_ONCE: usize = 1_000;

/// How far a [`copy`] is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Copied {
    /// Records that are in the new store.
    pub records: u64,
    /// How many there are, about.
    pub of: u64,
}

/// Why a [`copy`] broke off. The new store is unfinished: copying into it again starts
/// over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The old store cannot be read. It is as it was.
    #[error("the store that is to be copied cannot be read")]
    Read(#[source] StoreError),
    /// The new store cannot be written.
    #[error("the store that is to be filled cannot be written")]
    Write(#[source] StoreError),
}

/// Copies all that is in `from` into `to`, which must be empty, or be what an interrupted
/// copy has left: then it starts over.
///
/// It is for moving a service to another kind of store. No engine runs on either of the
/// two meanwhile. Afterwards only the new one may be used: with two, both would answer.
/// Rows, marks, positions, links and outcomes stay as they are, under the same ids and
/// cursors; claims and leases end, so that whoever starts next goes on at once.
///
/// `progress` is told after each step.
///
/// # Errors
///
/// [`CopyError`]; nothing is lost, and `from` stays as it was in any case.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use matrix_bridge_core::{MemoryStore, copy};
///
/// let (from, to) = (MemoryStore::new(), MemoryStore::new());
/// let copied = copy(&from, &to, |so_far| println!("{} of {}", so_far.records, so_far.of)).await?;
/// println!("{} records are in the new store", copied.records);
/// # Ok::<_, matrix_bridge_core::CopyError>(())
/// # }).unwrap();
/// ```
pub async fn copy(
    from: &dyn Contents,
    to: &dyn Contents,
    mut progress: impl FnMut(Copied),
) -> Result<Copied, CopyError> {
    let mut copied = Copied {
        records: 0,
        of: from.size().await.map_err(CopyError::Read)?,
    };
    to.begin().await.map_err(CopyError::Write)?;
    let mut next = Some(Place::default());
    while let Some(place) = next {
        let page = from.read(place, AT_ONCE).await.map_err(CopyError::Read)?;
        copied.records += page.records.len() as u64;
        copied.of = copied.of.max(copied.records);
        to.write(page.records).await.map_err(CopyError::Write)?;
        next = page.next;
        progress(copied);
    }
    to.finish().await.map_err(CopyError::Write)?;
    Ok(copied)
}
