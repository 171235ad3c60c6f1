//! Stores that are wrong on purpose, each in one way.
//!
//! A suite that has never failed proves nothing: every one of these must fail at least
//! one case of the [suite](crate::conformance), or of that of
//! [copying](crate::conformance::contents). They are also what a new case is tried on.

mod beside;
mod copies;
mod copying;
mod deciding;
mod fault;
mod forgetting;
mod gaps;
mod mixing;
mod receiving;
mod rows;
mod sending;
mod telling;
mod turns;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use matrix_bridge_core::Store;

pub use self::copies::{BROKEN_COPIES, BrokenCopy};
use self::fault::{BrokenStore, Fault};
use crate::conformance::{InMemory, StoreFactory};

/// One way of being wrong.
#[derive(Clone, Copy)]
pub struct Broken {
    /// What is wrong.
    pub name: &'static str,
    wrap: fn(Arc<dyn Store>) -> Arc<dyn Store>,
}

impl Broken {
    /// `store` with the fault.
    #[must_use]
    pub fn wrap(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        (self.wrap)(store)
    }

    /// A factory of stores in memory that have the fault.
    #[must_use]
    pub fn factory(self) -> Arc<dyn StoreFactory> {
        let inner = InMemory::default();
        Arc::new(BrokenFactory {
            broken: self,
            inner,
        })
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every way of being wrong that we thought of.
pub const BROKEN: &[Broken] = &[
    broken::<receiving::NoGenerationFence>("the source's generation is not compared"),
    broken::<receiving::NoOwnerFence>("the owner's fence is not compared"),
    broken::<receiving::NoInboxFence>("settled inbox events are settled again"),
    broken::<receiving::NoMarks>("marks are not written"),
    broken::<receiving::SharedMarks>("accounts share their marks"),
    broken::<receiving::TornCommit>("effects are committed before the rest"),
    broken::<receiving::MergedFacts>("older facts shine through newer ones"),
    broken::<receiving::LastSeenPruned>("pruning takes the mark of a last event"),
    broken::<receiving::StickyValues>("values are not removed"),
    broken::<receiving::VolatileValues>("values do not survive a restart"),
    broken::<receiving::TextEndsAtNul>("text ends at its first NUL"),
    broken::<receiving::ReformattedJson>("JSON is read and written anew"),
    broken::<gaps::FillAtEnd>("what fills a gap goes to the end of its room"),
    broken::<gaps::FillReversed>("what fills a gap is written from its end"),
    broken::<gaps::NoFillFence>("fills of what is no gap are left out"),
    broken::<gaps::GapNamedTwice>("fills of a gap that is named twice are left out"),
    broken::<gaps::GapGone>("a gap is gone after its first fill"),
    broken::<gaps::GapBegunAnew>("how far a gap was read is forgotten"),
    broken::<rows::RowsDropped>("rows beyond the second of a batch are dropped"),
    broken::<rows::LaneReversed>("rows go to the wrong end of their lane"),
    broken::<rows::KeysRepeat>("a key can be enqueued twice"),
    broken::<rows::ShadowSent>("shadow rows are sent"),
    broken::<rows::DueAtOnce>("rows do not wait for their time"),
    broken::<sending::ClaimsOverlap>("a claimed lane is claimed again"),
    broken::<sending::OneLane>("one lane blocks the others"),
    broken::<sending::PauseIgnored>("lanes of paused senders are claimed"),
    broken::<sending::FirstAttemptUntold>("claimed rows have no first attempt"),
    broken::<sending::TokenIgnored>("settlements under an old token are written"),
    broken::<sending::LostUntold>("lost settlements are not reported"),
    broken::<sending::RetryAtOnce>("retries do not wait"),
    broken::<sending::RetryCounted>("every retry is counted"),
    broken::<sending::ReleaseRetries>("released rows count as tried"),
    broken::<sending::AmendForgotten>("amended actions are forgotten"),
    broken::<turns::TurnsByAge>("the lanes with the oldest rows have every turn"),
    broken::<turns::NewcomersWait>("newcomers wait like everybody else"),
    broken::<turns::OnlyNewcomers>("newcomers take all places"),
    broken::<turns::NothingBlocks>("no parked row blocks its lane"),
    broken::<turns::BlocksEveryLane>("a blocked lane blocks the others"),
    broken::<turns::BlocksWholeLane>("a row blocks also those before it"),
    broken::<deciding::NoParkedFence>("decided events are decided again"),
    broken::<deciding::ParkedForGood>("decided events stay parked"),
    broken::<deciding::ParkedPagesOverlap>("pages of parked events begin anew"),
    broken::<deciding::MissingRowsLeftOut>("rows are told without those that are missing"),
    broken::<deciding::ParkedForOneReason>("parked rows are counted in one heap"),
    broken::<deciding::RequeueLate>("requeued rows wait"),
    broken::<deciding::AttemptsKept>("requeued rows keep their count of attempts"),
    broken::<deciding::ReplacedAtEnd>("a replacing row goes to the end of its lane"),
    broken::<deciding::ReplacedUnderAnyKey>("a replacing row gets another key"),
    broken::<deciding::ParkedRowsKept>("parked rows are never pruned"),
    broken::<deciding::BlockingPruned>("pruning takes rows that block their lane"),
    broken::<telling::InboxReversed>("the inbox is read from the end"),
    broken::<telling::PagesOverlap>("pages of rooms begin anew"),
    broken::<telling::LinksOneWay>("links lead one way"),
    broken::<telling::OutcomesSkipped>("outcomes are skipped"),
    broken::<telling::NeverDue>("nothing is ever due"),
    broken::<telling::LeaseShared>("lease holders are not compared"),
    broken::<telling::FenceConstant>("fences do not grow"),
    broken::<telling::NeverClosed>("a closed store goes on"),
    broken::<forgetting::TargetsForgotten>("what a row is about is forgotten"),
    broken::<forgetting::ClassesFolded>("rare classes are kept as another"),
    broken::<forgetting::AgeOfCauseForgotten>("the age of a cause is forgotten"),
    broken::<forgetting::RowsRenumbered>("ids of rows are counted anew"),
    broken::<forgetting::SourcesByAccount>("sources are kept by account"),
    broken::<forgetting::ParkedCheckedFirst>("parked events are checked first"),
    broken::<forgetting::NoRetryFence>("what is gone is put off in silence"),
    broken::<forgetting::LastEventsMarked>("last events of rooms get marks"),
    broken::<forgetting::EventsMadeUp>("rows without an event are linked to one"),
    broken::<forgetting::ReasonsReversed>("reasons are told from the end"),
    broken::<forgetting::LeasesOnlyGrow>("a lease never gets shorter"),
    broken::<forgetting::LimitsByAccount>("limits are taken by account"),
    broken::<forgetting::PrunedInSilence>("pruning stops in silence"),
    broken::<mixing::FactsForAll>("accounts share their rooms"),
    broken::<mixing::InboxForAll>("accounts share their inbox"),
    broken::<mixing::EveryCommitMoves>("every commit moves the source"),
    broken::<mixing::OneSource>("all sources are one"),
    broken::<mixing::OneLease>("all leases are one"),
    broken::<mixing::AllRequeued>("rows in any state count as requeued"),
    broken::<mixing::LimitsIgnored>("records are pruned without a limit"),
    broken::<mixing::MarksGetYounger>("a mark set again is young"),
    broken::<beside::LastWordCounts>("of settlements of a row the last one counts"),
    broken::<beside::LastCommitHeld>("the last commit is held back"),
    broken::<beside::ClaimedByKey>("claimed rows are in the order of their keys"),
    broken::<beside::GenerationCached>("generations are remembered by process"),
    broken::<beside::MarksCached>("marks are remembered by process"),
    broken::<beside::ValuesCached>("values are remembered by process"),
    broken::<beside::LeasesApart>("leases are held by process"),
    broken::<beside::ClaimsApart>("claims of others are not seen"),
];

const fn broken<F: Fault + Default>(name: &'static str) -> Broken {
    Broken {
        name,
        wrap: |inner| {
            let fault = F::default();
            Arc::new(BrokenStore { inner, fault })
        },
    }
}

#[derive(Debug)]
struct BrokenFactory {
    broken: Broken,
    inner: InMemory,
}

#[async_trait]
impl StoreFactory for BrokenFactory {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        self.broken.wrap(self.inner.open(name).await)
    }

    async fn open_beside(&self, name: &str) -> Option<Arc<dyn Store>> {
        let beside = self.inner.open_beside(name).await?;
        Some(self.broken.wrap(beside))
    }
}
