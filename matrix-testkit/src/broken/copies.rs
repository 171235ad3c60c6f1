//! Stores that lose something on the move, each in one way.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use matrix_bridge_core::{
    ClaimRequest, Contents, Page, Place, Record, Store, StoreError, StoreErrorKind, Timestamp,
};

use super::copying;
use crate::conformance::{InMemory, StoreFactory, contents::CopyFactory};

/// One way of being copied wrongly.
#[derive(Clone, Copy)]
pub struct BrokenCopy {
    /// What is wrong.
    pub name: &'static str,
    fault: CopyFault,
}

impl BrokenCopy {
    /// A factory of stores in memory that are copied so.
    #[must_use]
    pub fn factory(self) -> Arc<dyn CopyFactory> {
        let inner = InMemory::default();
        Arc::new(BrokenCopies {
            broken: self,
            inner,
        })
    }
}

impl fmt::Debug for BrokenCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every way of being copied wrongly that we thought of; each must fail a case of
/// [copying](crate::conformance::contents).
pub const BROKEN_COPIES: &[BrokenCopy] = &[
    writes("marks lose their order", copying::marks_reversed),
    writes("marks lose their age", copying::marks_aged),
    writes("ids begin anew", copying::ids_begun_anew),
    writes("fences begin anew", copying::fences_begun_anew),
    writes("generations begin anew", copying::generations_begun_anew),
    writes("cursors begin anew", copying::cursors_begun_anew),
    writes("blocked lanes go on", copying::unblocked),
    writes("rows are due at once", copying::due_at_once),
    writes(
        "rows forget their first attempt",
        copying::first_attempts_forgotten,
    ),
    writes("rows forget their attempts", copying::attempts_forgotten),
    writes(
        "rows forget when they were done",
        copying::settled_forgotten,
    ),
    writes("rows that were sent stay behind", copying::sent_left_behind),
    writes("entries lose their order", copying::places_forgotten),
    writes("entries stand behind new ones", copying::places_behind),
    writes("accounts become one", copying::accounts_merged),
    writes("links stay behind", copying::links_left_behind),
    writes("keys of values end at their first NUL", copying::keys_cut),
    writes(
        "rooms forget their last event",
        copying::last_seen_forgotten,
    ),
    writes("large pages lose their end", copying::large_pages_cut),
    writes("gaps come to the front", copying::gaps_in_front),
    writes(
        "parked events get new ids",
        copying::parked_events_renumbered,
    ),
    writes("shadow rows stay behind", copying::shadow_left_behind),
    BrokenCopy {
        name: "pages begin with the end of the one before",
        fault: CopyFault::Read(copying::pages_overlap),
    },
    BrokenCopy {
        name: "pages skip a record",
        fault: CopyFault::Read(copying::pages_skip),
    },
    BrokenCopy {
        name: "an unfinished copy is not noticed",
        fault: CopyFault::Unflagged,
    },
    BrokenCopy {
        name: "a copy begins in any store",
        fault: CopyFault::AnyStore,
    },
    BrokenCopy {
        name: "what an interrupted copy has left stays",
        fault: CopyFault::LeftOver,
    },
    BrokenCopy {
        name: "a copy never ends",
        fault: CopyFault::NeverFinished,
    },
    BrokenCopy {
        name: "claims end in the old store too",
        fault: CopyFault::ClaimsEnded,
    },
];

const fn writes(name: &'static str, change: fn(Vec<Record>) -> Vec<Record>) -> BrokenCopy {
    BrokenCopy {
        name,
        fault: CopyFault::Write(change),
    }
}

#[derive(Clone, Copy, Debug)]
enum CopyFault {
    /// Records are changed as they come in.
    Write(fn(Vec<Record>) -> Vec<Record>),
    /// Pages are changed as they go out.
    Read(fn(&mut Page)),
    /// A store that is being filled passes for a whole one.
    Unflagged,
    /// A store that is not empty is filled too.
    AnyStore,
    /// A copy that starts over removes nothing.
    LeftOver,
    /// A store that was filled stays unfinished.
    NeverFinished,
    /// Claims are taken over where the store is only read.
    ClaimsEnded,
}

#[derive(Debug)]
struct BrokenCopies {
    broken: BrokenCopy,
    inner: InMemory,
}

#[async_trait]
impl StoreFactory for BrokenCopies {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        self.inner.open(name).await
    }
}

#[async_trait]
impl CopyFactory for BrokenCopies {
    async fn open_for_copy(&self, name: &str) -> Arc<dyn Contents> {
        if let CopyFault::ClaimsEnded = self.broken.fault {
            end_claims(&*self.inner.open(name).await).await;
        }
        Arc::new(BrokenContents {
            inner: self.inner.open_for_copy(name).await,
            fault: self.broken.fault,
        })
    }

    async fn open_unfinished(&self, name: &str) -> Option<Arc<dyn Store>> {
        self.inner.open_unfinished(name).await
    }
}

async fn end_claims(store: &dyn Store) {
    let all = ClaimRequest {
        now: Timestamp(1 << 40),
        ttl: Duration::ZERO,
        lanes: usize::MAX,
        newcomers: 0,
        rows_per_lane: usize::MAX,
        paused: Vec::new(),
    };
    // One that is being filled refuses it.
    let _refused = store.claim(all).await;
}

/// The contents of a store, with a fault.
#[derive(Debug)]
struct BrokenContents {
    inner: Arc<dyn Contents>,
    fault: CopyFault,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Contents for BrokenContents {
    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }

    async fn read(&self, place: Place, limit: usize) -> Result<Page, StoreError> {
        let mut page = self.inner.read(place, limit).await?;
        if let CopyFault::Read(change) = self.fault {
            change(&mut page);
        }
        Ok(page)
    }

    async fn begin(&self) -> Result<(), StoreError> {
        match self.fault {
            CopyFault::Write(_)
            | CopyFault::Read(_)
            | CopyFault::NeverFinished
            | CopyFault::ClaimsEnded => self.inner.begin().await,
            CopyFault::Unflagged => {
                self.inner.begin().await?;
                self.inner.finish().await
            }
            CopyFault::AnyStore => match self.inner.begin().await {
                Err(error) if error.kind() == StoreErrorKind::Invalid => Ok(()),
                other => other,
            },
            CopyFault::LeftOver => {
                let left = self.inner.read(Place::default(), usize::MAX).await?;
                self.inner.begin().await?;
                self.inner.write(left.records).await
            }
        }
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let records = match self.fault {
            CopyFault::Write(change) => change(records),
            _ => records,
        };
        self.inner.write(records).await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        match self.fault {
            CopyFault::NeverFinished => Ok(()),
            _ => self.inner.finish().await,
        }
    }
}
