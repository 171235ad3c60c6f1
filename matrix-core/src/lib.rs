//! The traits, the pipeline and the dispatcher of matrix-bridge.

mod batch;
mod error;
mod id;
mod json;
mod memory;
mod queue;
mod row;
mod store;
mod time;

pub use ruma;

pub use self::{
    batch::{
        Advance, Batch, Checkpoint, CommitOutcome, InboxEvent, InboxLane, InboxRetry, LastSeen,
        Membership, NewInboxEvent, Owner, ParkedEvent, RoomFacts, Stale, ValueChange, ValueKey,
    },
    error::{StoreError, StoreErrorKind, chain},
    id::{
        Account, ClaimToken, Fence, Generation, Identity, InboxId, LaneId, LeaseName, Position,
        RowId, RowKey, SourceId,
    },
    json::RawJson,
    memory::MemoryStore,
    queue::{
        Claim, ClaimRequest, ListState, OutboundQueue, Outcome, OutcomeCursor, OutcomeResult,
        QueueDepth, Settled, Settlement, Verdict,
    },
    row::{
        Action, Address, Disposition, EndpointClass, HostLink, NewRow, OrderPolicy, ParkCode,
        ParkReason, Row, RowBody, RowState, Target,
    },
    store::{LeaseOutcome, LeaseRequest, PruneLimits, Pruned, StateStore, Store},
    time::{Clock, Random, Timestamp},
};
