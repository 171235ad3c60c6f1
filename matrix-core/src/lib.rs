//! The traits, the pipeline and the dispatcher of matrix-bridge: everything but HTTP, a
//! database and a clock.
//!
//! Most hosts use the facade `matrix-bridge` and its `Bot`. This crate is for those who
//! bring a store, a source or a sender of their own.
//!
//! How events come in and messages go out:
//!
//! 1. A [`Source`] yields a [`SourceBatch`] of raw events.
//! 2. The pipeline reads the head of each [`Event`], drops what the [`Policy`] or an
//!    earlier delivery rules out, and calls the [`EventHandler`], room by room.
//! 3. The handler returns [`Effects`]. They become rows ([`NewRow`]) in the one
//!    [`StateStore::commit`] that marks the events and moves the source's position. What
//!    a handler has not settled within [`Settings::grace`] goes to the inbox in that
//!    same commit, and is handled from there.
//! 4. The dispatcher claims rows from the [`OutboundQueue`], lane by lane, and hands them
//!    to the [`Sender`], each under its own transaction id for life.
//!
//! [`Engine`] runs all of it. [`MemoryStore`] is the reference of what a store has to do;
//! `matrix-bridge-testkit` has the suite that holds every store to it.

mod backoff;
mod batch;
mod contents;
mod copy;
mod digest;
mod dispatcher;
mod effect;
mod encrypted;
mod engine;
mod error;
mod event;
mod handler;
mod health;
mod history;
mod id;
mod json;
mod marker;
mod memory;
mod message;
pub mod metrics;
mod misfit;
mod park;
mod parked;
mod pipeline;
mod policy;
mod prepare;
mod queue;
mod relation;
mod rest;
mod router;
mod row;
mod sender;
mod settings;
mod shared;
mod source;
mod store;
mod time;

pub use ruma;

pub use self::{
    backoff::{Backoff, RetryPolicy},
    batch::{
        Advance, Batch, Checkpoint, CommitOutcome, GapFill, InboxEntry, InboxItem, InboxLane,
        InboxRetry, LastSeen, Membership, NewInboxEntry, NewParkedEvent, Owner, ParkedEvent,
        RoomFacts, Stale, ValueChange, ValueKey,
    },
    contents::{Contents, Counted, Page, Place, Record},
    copy::{Copied, CopyError, copy},
    digest::Digest,
    effect::Effects,
    engine::{Engine, EngineError, EngineHandle, Parts},
    error::{StoreError, StoreErrorKind, chain},
    event::{Event, Unreadable},
    handler::{Context, EventHandler, HandlerError},
    health::{Health, HealthBoard, Reason, Status},
    history::{Gap, GapCause, GapEnd, HistoryPage, Missed, PageRequest, RoomHistory},
    id::{
        Account, ClaimToken, Fence, Generation, Identity, InboxId, LaneId, LeaseName,
        ParkedEventId, Position, RowId, RowKey, SourceId,
    },
    json::RawJson,
    marker::MARKER,
    memory::MemoryStore,
    message::{Message, Reply},
    misfit::Misfit,
    park::{ParkCode, ParkReason},
    parked::{Parked, ReplaceError},
    pipeline::MAX_CONTENT,
    policy::{History, InviteAnswer, JoinPolicy, Policy, RoomMode, Rooms},
    prepare::Prepare,
    queue::{
        Claim, ClaimRequest, ListState, OutboundQueue, Outcome, OutcomeCursor, OutcomeResult,
        ParkedRows, QueueDepth, Settled, Settlement, Verdict,
    },
    relation::{MAX_ID, Relation},
    router::{Command, Router},
    row::{
        Action, Address, Disposition, EndpointClass, HostLink, NewRow, OrderPolicy, Row, RowBody,
        RowState, Target,
    },
    sender::{AccountTrouble, SendError, Sender},
    settings::Settings,
    source::{Continuity, RoomBatch, Section, Source, SourceBatch, SourceError},
    store::{LeaseOutcome, LeaseRequest, PruneLimits, Pruned, StateStore, Store},
    time::{Clock, Random, Timestamp},
};
