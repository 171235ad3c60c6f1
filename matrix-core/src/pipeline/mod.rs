//! The way in: batches are screened, handled room by room, and committed.
//!
//! One task makes every decision and every commit of an account; only handlers run
//! beside it. A batch gets the grace period for its handlers. Then one commit moves the
//! position and holds everything that the batch led to: marks, rows, and, in the
//! inbox, what is not handled yet. Rooms with events in the inbox take new ones only
//! through it, so that order holds.

mod backlog;
mod invites;
mod live;
mod pump;
mod rows;
mod screen;
mod work;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ruma::OwnedRoomId;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::rows::MAX_CONTENT;
use self::{
    backlog::Backlog,
    invites::Invites,
    live::{Live, LiveRoom},
    pump::Pump,
    rows::RowMaker,
    screen::Screened,
    work::{Outcome, Work},
};
pub(crate) use self::{rows::encrypted, screen::warn_encrypted};
use crate::{
    Advance, Batch, Checkpoint, CommitOutcome, Disposition, InboxId, InboxRetry, Owner,
    ParkedEvent, PruneLimits, Source, SourceBatch, SourceId, Stale, StoreError, StoreErrorKind,
    Timestamp, metrics, shared::Shared,
};

/// So many inbox events of a room are held at once.
const PAGE: usize = 8;

/// Why the pipeline stopped before it was told to.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// What it holds in memory is no longer what the store holds: start anew from there.
    Restart(String),
    /// The store says that nothing will help.
    Store(StoreError),
    /// The source's task panicked.
    SourceLost,
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Unknown => {
                Self::Restart(crate::chain(&error))
            }
            _ => Self::Store(error),
        }
    }
}

/// A batch for the store, while it is being put together.
type Draft = Batch;

/// An inbox event that was handled and not committed yet.
#[derive(Debug)]
struct Ended {
    id: InboxId,
    work: Work,
    outcome: Outcome,
}

/// The way in of one account.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    source: SourceId,
    checkpoint: Checkpoint,
    owner: Owner,
    tasks: JoinSet<(Work, Outcome)>,
    live: Live,
    backlog: Backlog,
    ended: Vec<Ended>,
    invites: Invites,
    inbox_waiting: u64,
    last_prune: Timestamp,
}

impl Pipeline {
    /// Takes up where the store stands. `owner` is the lease under which it may.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        source: SourceId,
        owner: Owner,
    ) -> Result<Self, Interrupted> {
        let checkpoint = shared.store.checkpoint(&source).await?;
        let last_prune = shared.now();
        let mut pipeline = Self {
            shared,
            source,
            checkpoint,
            owner,
            tasks: JoinSet::new(),
            live: Live::default(),
            backlog: Backlog::default(),
            ended: Vec::new(),
            invites: Invites::default(),
            inbox_waiting: 0,
            last_prune,
        };
        pipeline.load_backlog().await?;
        pipeline.count_encrypted().await?;
        Ok(pipeline)
    }

    /// Runs until it is told to stop; gives the source back.
    pub(crate) async fn run(
        mut self,
        source: Box<dyn Source>,
        stop: &CancellationToken,
    ) -> (Option<Box<dyn Source>>, Result<(), Interrupted>) {
        let position = self.checkpoint.position.clone();
        let mut pump = Pump::start(self.shared.clone(), source, position);
        let result = self.work(&mut pump, stop).await;
        (pump.stop().await, result)
    }

    async fn work(&mut self, pump: &mut Pump, stop: &CancellationToken) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let mut policy = shared.policy.clone();
        policy.mark_changed();
        let mut tick = shared.clock.sleep(Duration::ZERO);
        loop {
            self.fill().await?;
            let due = self.backlog.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.flush().await,
                batch = pump.next() => {
                    let batch = batch.ok_or(Interrupted::SourceLost)?;
                    self.take_in(batch, stop).await?;
                    self.collect_ended().await?;
                }
                Some(ended) = self.tasks.join_next() => {
                    self.end(ended)?;
                    self.collect_ended().await?;
                }
                () = &mut tick => {
                    self.housekeeping().await?;
                    tick = shared.clock.sleep(Duration::from_secs(1));
                }
                // A host that dropped its handle changes nothing any more.
                Ok(()) = policy.changed() => self.sweep_invites().await?,
                () = wait_until(&shared, due), if due.is_some() => {}
            }
        }
    }

    /// One batch: screen, handle for as long as the grace lasts, commit.
    async fn take_in(
        &mut self,
        mut batch: SourceBatch,
        stop: &CancellationToken,
    ) -> Result<(), Interrupted> {
        let acknowledge = batch.acknowledge.take();
        let position = batch.position.take();
        let is_first = self.checkpoint.position.is_none();
        let shared = self.shared.clone();
        let Screened {
            marks,
            parked,
            facts,
            work,
            invites,
            found_encrypted,
        } = screen::screen(&shared, batch, is_first).await?;

        let (held_back, live) = work
            .into_iter()
            .partition(|(room, _)| self.backlog.contains(room));
        self.live = Live::new(live);
        self.handle_live(stop).await?;

        let known = facts
            .iter()
            .map(|facts| (facts.room.clone(), facts.encrypted))
            .collect();
        let mut maker = RowMaker::new(&shared, known);
        let mut draft = self.draft();
        (draft.marks, draft.parked, draft.facts) = (marks, parked, facts);
        let rooms = std::mem::take(&mut self.live).into_rooms();
        let mut spilled = settle_live(&shared, rooms, &mut draft, &mut maker).await?;
        for (room, work) in held_back {
            for work in work {
                spill(&mut draft, work, 0, shared.now());
            }
            // Its backlog may have come to an end while the others were handled.
            spilled.push((room, false));
        }
        for facts in &invites {
            self.invites
                .answer(&shared, facts, &mut maker, &mut draft)
                .await?;
        }
        self.commit_source(draft, position).await?;

        self.keep_spilled(spilled).await?;
        if let Some(acknowledge) = acknowledge {
            // Nobody waiting for it is no failure.
            let _ = acknowledge.send(());
        }
        if found_encrypted {
            self.count_encrypted().await?;
        }
        Ok(())
    }

    /// Handles the batch's events until all are settled, the grace is over or we stop.
    async fn handle_live(&mut self, stop: &CancellationToken) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let mut grace = shared.clock.sleep(shared.settings.grace);
        loop {
            while let Some((work, overlay)) = self.live.begin(shared.settings.parallel_rooms) {
                self.tasks.spawn(run(shared.clone(), work, overlay));
            }
            if self.live.is_settled() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(ended) = self.tasks.join_next() => {
                    self.end(ended)?;
                    self.collect_ended().await?;
                    self.fill().await?;
                }
                () = &mut grace => return Ok(()),
            }
        }
    }

    /// A handler came to an end: of this batch, or from the inbox.
    fn end(&mut self, ended: Result<(Work, Outcome), JoinError>) -> Result<(), Interrupted> {
        // Panics of handlers are caught inside; this is the runtime going down.
        let (work, outcome) =
            ended.map_err(|error| Interrupted::Restart(format!("a task was lost: {error}")))?;
        let Err(outcome) = self.live.finish(work.event.room(), outcome) else {
            return Ok(());
        };
        if let Some(id) = self.backlog.finish(work.event.room()) {
            self.ended.push(Ended { id, work, outcome });
        }
        Ok(())
    }

    /// Commits what came to an end, together with whatever else did meanwhile.
    async fn collect_ended(&mut self) -> Result<(), Interrupted> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.end(ended)?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Interrupted> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let mut draft = self.draft();
        let mut maker = RowMaker::new(&shared, BTreeMap::new());
        let mut rooms = Vec::new();
        for Ended { id, work, outcome } in std::mem::take(&mut self.ended) {
            let is_retried = matches!(outcome, Outcome::Retry { .. });
            rooms.push((work.room(), is_retried));
            match apply(&mut draft, &mut maker, &work, outcome, shared.now()).await? {
                None => draft.inbox_done.push(id),
                Some((attempts, due)) => {
                    draft.inbox_retry.push(InboxRetry { id, attempts, due });
                }
            }
        }
        self.commit(draft).await?;
        for (room, is_retried) in rooms {
            self.backlog.proceed(room, is_retried);
        }
        Ok(())
    }

    /// Begins inbox events, as many as there are places.
    async fn fill(&mut self) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        while self.backlog.running() < shared.settings.inbox_rooms {
            let now = shared.now();
            let Some(room) = self.backlog.next(now) else {
                return Ok(());
            };
            let event = match self.backlog.pop(&room) {
                Some(event) => event,
                None => {
                    let page = shared.store.inbox(&shared.account, &room, PAGE).await?;
                    self.backlog.fill(&room, page);
                    let Some(event) = self.backlog.pop(&room) else {
                        self.backlog.remove(&room);
                        continue;
                    };
                    event
                }
            };
            if event.event.due > now {
                self.backlog.delay(room, event.event.due);
                continue;
            }
            let work = Work::from_inbox(&event).ok_or_else(|| {
                StoreError::new(StoreErrorKind::Corrupt, "reading an event from the inbox")
            })?;
            self.backlog.start(&room, event.id);
            self.tasks.spawn(run(shared.clone(), work, Arc::default()));
        }
        Ok(())
    }

    /// Rooms whose events went to the inbox are handled from there on.
    async fn keep_spilled(&mut self, spilled: Vec<(OwnedRoomId, bool)>) -> Result<(), Interrupted> {
        for (room, is_running) in spilled {
            if !is_running {
                self.backlog.add(room);
                continue;
            }
            // The running event is the room's first: it had none in the inbox before.
            let first = self
                .shared
                .store
                .inbox(&self.shared.account, &room, 1)
                .await?;
            let first = first.into_iter().next().ok_or_else(|| {
                StoreError::new(StoreErrorKind::Corrupt, "reading an event just written")
            })?;
            self.backlog.add_running(room, first.id);
        }
        Ok(())
    }

    fn draft(&self) -> Draft {
        Batch::new(self.shared.account.clone(), self.shared.now())
    }

    async fn commit_source(
        &mut self,
        mut draft: Draft,
        position: Option<crate::Position>,
    ) -> Result<(), Interrupted> {
        let expected = self.checkpoint.generation;
        let source = self.source.clone();
        draft.advance = Some(Advance {
            source,
            expected,
            position: position.clone(),
        });
        self.commit(draft).await?;
        self.checkpoint.generation.0 += 1;
        if position.is_some() {
            self.checkpoint.position = position;
        }
        Ok(())
    }

    /// The only place where anything is written.
    async fn commit(&mut self, mut draft: Draft) -> Result<(), Interrupted> {
        draft.owner = Some(self.owner.clone());
        let inbox_in = draft.inbox.len() as u64;
        let inbox_out = draft.inbox_done.len() as u64;
        let tally = Tally::of(&draft);
        let outcome = self.shared.store.commit(draft).await?;
        match outcome {
            CommitOutcome::Applied => {}
            CommitOutcome::Stale(Stale::Owner) => {
                return Err(Interrupted::Restart("another engine took over".to_owned()));
            }
            CommitOutcome::Stale(Stale::Source(_) | Stale::Inbox(_)) => {
                return Err(Interrupted::Restart("the store moved meanwhile".to_owned()));
            }
        }
        self.inbox_waiting = (self.inbox_waiting + inbox_in).saturating_sub(inbox_out);
        tally.report(&self.shared);
        Ok(())
    }

    async fn load_backlog(&mut self) -> Result<(), Interrupted> {
        const LANES: usize = 500;
        let shared = self.shared.clone();
        let mut after: Option<OwnedRoomId> = None;
        loop {
            let lanes = shared
                .store
                .inbox_lanes(&shared.account, after.as_deref(), LANES)
                .await?;
            let is_last = lanes.len() < LANES;
            after = lanes.last().map(|lane| lane.room.clone());
            for lane in lanes {
                self.inbox_waiting += lane.events;
                self.backlog.add(lane.room);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn count_encrypted(&self) -> Result<(), Interrupted> {
        let count = self
            .shared
            .store
            .encrypted_rooms(&self.shared.account)
            .await?;
        metrics::set(metrics::ENCRYPTED_ROOMS, count);
        Ok(())
    }

    async fn housekeeping(&mut self) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let now = shared.now();
        let depth = shared.store.depth().await?;
        metrics::set(metrics::OUTBOX_DEPTH, depth.waiting);
        let age = depth
            .oldest
            .map_or(Duration::ZERO, |oldest| now.since(oldest));
        metrics::set_seconds(metrics::OUTBOX_OLDEST, age);
        metrics::set(metrics::INBOX_DEPTH, self.inbox_waiting);
        if let Some(last) = shared.health.last_sync() {
            metrics::set_seconds(metrics::SYNC_LAG, now.since(last));
        }
        shared.health.queues(depth, self.inbox_waiting);
        if now.since(self.last_prune) >= Duration::from_secs(60) {
            self.last_prune = now;
            shared.store.prune(prune_limits(&shared, now)).await?;
            self.sweep_invites().await?;
        }
        Ok(())
    }
}

async fn run(shared: Arc<Shared>, work: Work, overlay: Arc<work::Overlay>) -> (Work, Outcome) {
    let outcome = work::handle(shared, work.clone(), overlay).await;
    (work, outcome)
}

async fn wait_until(shared: &Shared, due: Option<Timestamp>) {
    if let Some(due) = due {
        shared.clock.sleep(due.since(shared.now())).await;
    }
}

/// Puts what a batch's rooms came to into the draft. Returns the rooms that go on from
/// the inbox, and whether their first event is being handled at this moment.
async fn settle_live(
    shared: &Shared,
    rooms: BTreeMap<OwnedRoomId, LiveRoom>,
    draft: &mut Draft,
    maker: &mut RowMaker<'_>,
) -> Result<Vec<(OwnedRoomId, bool)>, StoreError> {
    let mut spilled = Vec::new();
    let now = shared.now();
    for (id, room) in rooms {
        let before = draft.inbox.len();
        let is_running = room.running.is_some();
        for (work, outcome) in room.settled {
            match apply(draft, maker, &work, outcome, now).await? {
                None => draft.marks.push(work.event.id().to_owned()),
                Some((attempts, due)) => spill(draft, work, attempts, due),
            }
        }
        for work in room.running.into_iter().chain(room.waiting) {
            spill(draft, work, 0, now);
        }
        if draft.inbox.len() > before {
            spilled.push((id, is_running));
        }
    }
    Ok(spilled)
}

/// Puts what one event led to into the draft, or says when to try it again.
async fn apply(
    draft: &mut Draft,
    maker: &mut RowMaker<'_>,
    work: &Work,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let effects = match outcome {
        Outcome::Done(effects) => effects,
        Outcome::Park(reason, effects) => {
            draft.parked.push(ParkedEvent {
                room: work.room(),
                event_id: Some(work.event.id().to_owned()),
                raw: work.event.raw().clone(),
                reason,
                at: now,
            });
            effects
        }
        Outcome::Retry { due, attempts } => return Ok(Some((attempts, due))),
    };
    let crate::Effects { sends, values } = effects;
    draft
        .rows
        .extend(maker.effects(work.event.id(), sends).await?);
    draft.values.extend(values);
    Ok(None)
}

/// Puts an event into the inbox; with its mark, so that it is not received again.
fn spill(draft: &mut Draft, work: Work, attempts: u32, due: Timestamp) {
    draft.marks.push(work.event.id().to_owned());
    draft.inbox.push(work.into_inbox(attempts, due));
}

fn prune_limits(shared: &Shared, now: Timestamp) -> PruneLimits {
    let settings = &shared.settings;
    PruneLimits {
        marks_before: now - settings.marks_ttl,
        marks_max: settings.marks_max,
        records_before: now - settings.records_ttl,
        records_max: settings.records_max,
        parked_events_max: settings.parked_events_max,
    }
}

/// What a commit means for metrics and the dispatcher, told once it is durable.
struct Tally {
    parked: Vec<&'static str>,
    shadowed: usize,
    is_enqueued: bool,
}

impl Tally {
    fn of(draft: &Draft) -> Self {
        let mut tally = Self {
            parked: Vec::new(),
            shadowed: 0,
            is_enqueued: false,
        };
        tally
            .parked
            .extend(draft.parked.iter().map(|event| event.reason.code.as_str()));
        for row in &draft.rows {
            match &row.disposition {
                Disposition::Send => tally.is_enqueued = true,
                Disposition::Shadow => tally.shadowed += 1,
                Disposition::Park(reason) => {
                    tracing::warn!(lane = %row.lane, %reason, "row parked");
                    tally.parked.push(reason.code.as_str());
                }
            }
        }
        tally
    }

    fn report(self, shared: &Shared) {
        for reason in self.parked {
            metrics::count_reason(metrics::PARKED, reason);
        }
        metrics::count(metrics::SHADOWED, self.shadowed);
        if self.is_enqueued {
            shared.enqueued.notify_one();
        }
        if shared.health.clear("store") {
            tracing::info!("the store works again");
        }
    }
}
