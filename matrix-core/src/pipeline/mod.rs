//! The way in: batches are screened, handled room by room, and committed.
//!
//! One task makes every decision and every commit of an account; only handlers run
//! beside it. A batch gets the grace period for its handlers. Then one commit moves the
//! position and holds everything that the batch led to: marks, rows, and, in the
//! inbox, what is not handled yet. Rooms with events in the inbox take new ones only
//! through it, so that order holds.

mod backlog;
mod feed;
mod fill;
mod gap;
mod gaps;
mod housekeeping;
mod inbox;
mod invites;
mod live;
mod membership;
mod pump;
mod rows;
mod screen;
mod settle;
mod sift;
mod tally;
mod work;

use std::{sync::Arc, time::Duration};

use ruma::OwnedRoomId;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::rows::MAX_CONTENT;
use self::{
    backlog::Backlog,
    fill::GapPage,
    gaps::Gaps,
    invites::Invites,
    live::{Live, Turn},
    pump::Pump,
    rows::RowMaker,
    screen::Screened,
    settle::{settle_live, spill},
    tally::Tally,
    work::{Outcome, Work},
};
pub(crate) use self::{
    feed::Feed,
    rows::{encrypted, too_large},
    sift::warn_encrypted,
};
use crate::{
    Advance, Batch, Checkpoint, CommitOutcome, Continuity, InboxId, Owner, SourceBatch, SourceId,
    Stale, StoreError, StoreErrorKind, Timestamp, shared::Shared, time::Moment,
};

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

/// What came to an end beside the pipeline.
#[derive(Debug)]
enum Ending {
    /// A call of the handler for an event of the inbox, or of a batch that has ended.
    Handled(Box<(Work, Outcome)>),
    /// A room's turn in a batch.
    Turn(Turn),
    /// An attempt to read a page of a gap.
    Page(Box<GapPage>),
}

/// The way in of one account.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    source: SourceId,
    checkpoint: Checkpoint,
    owner: Owner,
    tasks: JoinSet<Ending>,
    live: Live,
    backlog: Backlog,
    ended: Vec<Ended>,
    gaps: Gaps,
    invites: Invites,
    inbox_waiting: u64,
    last_sweep: Moment,
    has_more_to_prune: bool,
    last_look: Moment,
    /// Where the next look at the inbox begins.
    looked_until: Option<OwnedRoomId>,
}

impl Pipeline {
    /// Takes up where the store stands. `owner` is the lease under which it may.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        source: SourceId,
        owner: Owner,
    ) -> Result<Self, Interrupted> {
        let checkpoint = shared.store.checkpoint(&source).await?;
        let last_sweep = shared.steady();
        let mut pipeline = Self {
            shared,
            source,
            checkpoint,
            owner,
            tasks: JoinSet::new(),
            live: Live::default(),
            backlog: Backlog::default(),
            ended: Vec::new(),
            gaps: Gaps::default(),
            invites: Invites::default(),
            inbox_waiting: 0,
            last_sweep,
            has_more_to_prune: false,
            last_look: last_sweep,
            looked_until: None,
        };
        pipeline.load_backlog().await?;
        pipeline.count_encrypted().await?;
        Ok(pipeline)
    }

    /// Runs until it is told to stop; gives the feed back.
    pub(crate) async fn run(
        mut self,
        feed: Feed,
        stop: &CancellationToken,
    ) -> (Option<Feed>, Result<(), Interrupted>) {
        let position = self.checkpoint.position.clone();
        let mut pump = Pump::start(self.shared.clone(), feed, position);
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
                    self.settle_pages().await?;
                }
                Some(ended) = self.tasks.join_next() => {
                    self.end(ended)?;
                    self.collect_ended().await?;
                    self.settle_pages().await?;
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
        let is_lost = matches!(batch.continuity, Continuity::Lost);
        let shared = self.shared.clone();
        let Screened {
            marks,
            parked,
            facts,
            gaps,
            work,
            invites,
            found_encrypted,
        } = screen::screen(&shared, batch, self.checkpoint.position.as_ref()).await?;

        let (held_back, live) = work
            .into_iter()
            .partition(|(room, _)| self.backlog.contains(room) || gaps.contains_key(room));
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
        for (room, gap) in &gaps {
            draft.inbox.push(gaps::entry(room, gap));
            spilled.push((room.clone(), false));
        }
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
        self.note_start(&draft);
        self.commit_source(draft, position).await?;

        self.note_gaps(&gaps, is_lost);
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
            while let Some(turn) = self.live.begin(shared.settings.parallel_rooms) {
                self.tasks.spawn(handle_room(shared.clone(), turn));
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

    /// A room's turn came to an end, or a handler that the inbox waits for; or a page was
    /// read.
    fn end(&mut self, ended: Result<Ending, JoinError>) -> Result<(), Interrupted> {
        // Panics of handlers are caught inside; this is the runtime going down.
        let ended =
            ended.map_err(|error| Interrupted::Restart(format!("a task was lost: {error}")))?;
        match ended {
            Ending::Handled(handled) => {
                let (work, outcome) = *handled;
                if let Some(id) = self.backlog.finish(work.room()) {
                    self.ended.push(Ended { id, work, outcome });
                }
            }
            Ending::Turn(turn) => self.live.finish(turn),
            Ending::Page(page) => self.gaps.pages.push(*page),
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
        let filled = draft.fills.iter().map(|fill| fill.entries.len());
        let inbox_in = (draft.inbox.len() + filled.sum::<usize>()) as u64;
        let closed = draft.fills.iter().filter(|fill| fill.rest.is_none());
        let inbox_out = (draft.inbox_done.len() + closed.count()) as u64;
        let tally = Tally::of(&draft);
        let outcome = self.shared.store.commit(draft).await?;
        match outcome {
            CommitOutcome::Applied => {}
            CommitOutcome::Stale(Stale::Owner) => {
                return Err(Interrupted::Restart("another engine took over".to_owned()));
            }
            CommitOutcome::Stale(Stale::Source(_) | Stale::Inbox(_) | Stale::Parked(_)) => {
                return Err(Interrupted::Restart("the store moved meanwhile".to_owned()));
            }
        }
        self.inbox_waiting = (self.inbox_waiting + inbox_in).saturating_sub(inbox_out);
        tally.report(&self.shared);
        Ok(())
    }
}

async fn handle(shared: Arc<Shared>, work: Work, overlay: Arc<work::Overlay>) -> Ending {
    let outcome = work::handle(shared, work.clone(), overlay).await;
    Ending::Handled(Box::new((work, outcome)))
}

async fn handle_room(shared: Arc<Shared>, turn: Turn) -> Ending {
    match turn.run(shared).await {
        Ok(turn) => Ending::Turn(turn),
        Err(handled) => Ending::Handled(handled),
    }
}

async fn wait_until(shared: &Shared, due: Option<Timestamp>) {
    if let Some(due) = due {
        shared.clock.sleep(due.since(shared.now())).await;
    }
}
