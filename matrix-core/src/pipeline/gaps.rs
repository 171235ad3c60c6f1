//! Gaps as they are begun, filled and given up.

use std::{collections::BTreeMap, time::Duration};

use ruma::{OwnedRoomId, RoomId};

use super::{
    Draft, Ending, Interrupted, Pipeline,
    fill::{self, Filled, GapPage},
};
use crate::{
    EndpointClass, Gap, GapCause, GapEnd, GapFill, HealthBoard, InboxId, InboxItem, InviteAnswer,
    Membership, NewInboxEntry, SourceError, Status, StoreError, Timestamp, chain, metrics,
    shared::Shared,
};

/// A troubled account is asked about again this often.
const ACCOUNT_RETRY: Duration = Duration::from_secs(30);

/// What is refused although we are in the room is believed to be after so many times more.
const MOST_REFUSALS: u32 = 5;

/// Health tells of a hole for so long after the last one.
const TOLD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Why health tells of holes: they are facts, not states, so time clears it.
const MISSED: &str = "missed_events";

/// Why health tells that gaps wait.
const HISTORY: &str = "history";

/// Why health tells that the position was lost.
pub(super) const LOST: &str = "sync_token";

/// What is known about gaps beside what is in the store.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Pages that were read and are not settled yet.
    pub(super) pages: Vec<GapPage>,
    /// How many gaps of a lost position are open, as far as this process found them.
    lost: usize,
    /// How many holes were left since the start, and when the last was.
    holes: u64,
    last_hole: Option<Timestamp>,
}

impl Gaps {
    fn note_hole(&mut self, shared: &Shared, room: &RoomId, end: GapEnd) {
        metrics::count_reason(metrics::GAPS_UNFILLED, end.as_str());
        let now = shared.now();
        self.holes += 1;
        self.last_hole = Some(now);
        let why = match end {
            GapEnd::Events => "there are more than `gap_events`",
            GapEnd::Time => "reading them took longer than `gap_time`",
            GapEnd::Refused => "the homeserver refuses to show them",
        };
        let message = format!(
            "events were left out {} times, the last in {room}: {why}; look there by hand",
            self.holes
        );
        tracing::warn!(%room, "{message}");
        shared.health.raise(MISSED, Status::Degraded, message, now);
    }

    /// Nobody can mend a hole: it is told for a while.
    pub(super) fn forget_holes(&mut self, health: &HealthBoard, now: Timestamp) {
        if let Some(last) = self.last_hole
            && now.since(last) >= TOLD_FOR
        {
            self.last_hole = None;
            health.clear(MISSED);
        }
    }
}

/// A gap on its way into the inbox.
pub(super) fn entry(room: &RoomId, gap: &Gap) -> NewInboxEntry {
    NewInboxEntry {
        room: room.to_owned(),
        item: InboxItem::Gap(gap.clone()),
        received: gap.found,
        sent: gap.last_seen.as_ref().map_or(gap.found, |seen| seen.at),
        is_catch_up: true,
        attempts: 0,
        due: gap.found,
    }
}

impl Pipeline {
    /// Reads the next page of a gap, or lets it wait for a place.
    pub(super) fn begin_gap(&mut self, room: OwnedRoomId, id: InboxId, gap: Gap) {
        if self.backlog.reading() >= self.shared.settings.gap_rooms.max(1) {
            self.backlog.queue_reading(room);
            return;
        }
        self.backlog.start_reading(&room);
        let shared = self.shared.clone();
        self.tasks
            .spawn(async move { Ending::Page(Box::new(fill::read(shared, room, id, gap).await)) });
    }

    /// Commits the pages that were read.
    ///
    /// Not while a batch is under way: what it knows about rooms would be older than what
    /// the pages tell, and be written later.
    pub(super) async fn settle_pages(&mut self) -> Result<(), Interrupted> {
        for page in std::mem::take(&mut self.gaps.pages) {
            self.backlog.end_reading();
            self.settle_page(page).await?;
        }
        Ok(())
    }

    async fn settle_page(&mut self, page: GapPage) -> Result<(), Interrupted> {
        let GapPage {
            room,
            id,
            gap,
            result,
            took,
        } = page;
        let shared = self.shared.clone();
        match result {
            Ok(page) => {
                self.backlog.reading_settled(&room);
                shared.health.clear(HISTORY);
                let filled = fill::fill(&shared, &room, id, &gap, page, took).await?;
                self.commit_fill(&room, id, &gap, filled).await
            }
            Err(error @ SourceError::Refused { .. }) if self.may_be_shown(&room).await? => {
                self.wait_for_history(room, id, gap, &error, took).await
            }
            Err(error @ (SourceError::Refused { .. } | SourceError::Position { .. })) => {
                self.backlog.reading_settled(&room);
                shared.health.clear(HISTORY);
                tracing::warn!(%room, "the room's history is refused: {}", chain(&error));
                let filled = Filled {
                    rest: fill::given_up(gap.clone(), GapEnd::Refused),
                    ..Filled::default()
                };
                self.commit_fill(&room, id, &gap, filled).await
            }
            Err(error) => self.wait_for_history(room, id, gap, &error, took).await,
        }
    }

    /// Whether what is refused may be shown soon. Measured: who was removed reads what came
    /// before that, but not if invited since, before coming back.
    async fn may_be_shown(&self, room: &RoomId) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let known = shared.store.facts(&shared.account, &[room]).await?;
        let facts = known.into_iter().flatten().next();
        Ok(match facts.map(|facts| facts.membership) {
            Some(Membership::Invite) => {
                let policy = shared.policy();
                let is_joined_by_us = !policy.is_silent(room, EndpointClass::Join);
                is_joined_by_us && policy.invited(room) == InviteAnswer::Join
            }
            // Sync may be about to say that we are not in the room any more.
            Some(Membership::Join) => {
                !shared.is_source_up() || self.backlog.readings_failed(room) < MOST_REFUSALS
            }
            _ => false,
        })
    }

    /// Tries later. Time counts while the homeserver answers others.
    async fn wait_for_history(
        &mut self,
        room: OwnedRoomId,
        id: InboxId,
        mut gap: Gap,
        error: &SourceError,
        took: Duration,
    ) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let now = shared.now();
        let backoff = shared.reconnect_delay(self.backlog.reading_failed(&room));
        let (delay, is_counted) = match error {
            SourceError::Away {
                retry_after: Some(asked),
                ..
            } => {
                shared.history_rest.extend(shared.steady() + *asked);
                (backoff.max(*asked), false)
            }
            SourceError::Away { .. } => (backoff, shared.is_source_up()),
            SourceError::Refused { .. } => (backoff, true),
            _ => (backoff.max(ACCOUNT_RETRY), false),
        };
        let message = format!(
            "the history of {room} cannot be read: {}; the room waits, it is tried again by itself",
            chain(error)
        );
        if shared
            .health
            .raise(HISTORY, Status::Degraded, &message, now)
        {
            tracing::warn!(%room, "{message}");
        }
        if is_counted {
            let before = gap.clone();
            fill::spend(&mut gap, took + delay);
            let mut rest = fill::bounded(gap, &shared.settings);
            if let (SourceError::Refused { .. }, Some(rest)) = (error, &mut rest) {
                rest.end = rest.end.map(|_| GapEnd::Refused);
            }
            if rest.as_ref().is_none_or(|rest| rest.end.is_some()) {
                shared.health.clear(HISTORY);
                let filled = Filled {
                    rest,
                    ..Filled::default()
                };
                return self.commit_fill(&room, id, &before, filled).await;
            }
            let mut draft = self.draft();
            draft.fills.push(GapFill {
                gap: id,
                entries: Vec::new(),
                rest,
            });
            self.commit(draft).await?;
        }
        self.backlog.delay(room, now + delay);
        Ok(())
    }

    async fn commit_fill(
        &mut self,
        room: &RoomId,
        id: InboxId,
        gap: &Gap,
        filled: Filled,
    ) -> Result<(), Interrupted> {
        let Filled {
            marks,
            parked,
            facts,
            entries,
            moved,
            silenced,
            rest,
        } = filled;
        let mut draft = self.draft();
        let events = entries.len() - moved.len();
        (draft.marks, draft.parked, draft.inbox_done) = (marks, parked, moved);
        draft.inbox_done.extend(silenced);
        let found_encrypted = facts.is_some();
        draft.facts.extend(facts);
        let is_closed = rest.as_ref().is_none_or(|rest| rest.end.is_some());
        let after = rest.clone();
        draft.fills.push(GapFill {
            gap: id,
            entries,
            rest,
        });
        self.commit(draft).await?;
        tracing::debug!(%room, events, is_closed, "a page of a gap was read");
        let is_sure = after
            .as_ref()
            .is_some_and(|rest| rest.cause != GapCause::Doubt);
        if gap.cause == GapCause::Doubt && (events > 0 || is_sure) {
            metrics::count_reason(metrics::GAPS, GapCause::Skipped.as_str());
            tracing::warn!(%room, "the source went past events; they are read from history");
        }
        if is_closed {
            self.close_gap(room, gap, after.and_then(|rest| rest.end));
        }
        self.backlog.proceed(room.to_owned(), true);
        if found_encrypted {
            self.count_encrypted().await?;
        }
        Ok(())
    }

    /// A gap is filled, or given up.
    fn close_gap(&mut self, room: &RoomId, gap: &Gap, end: Option<GapEnd>) {
        match end {
            None if gap.cause != GapCause::Doubt => tracing::info!(%room, "a gap is filled"),
            None => {}
            Some(end) => self.gaps.note_hole(&self.shared, room, end),
        }
        if gap.cause == GapCause::PositionLost {
            self.gaps.lost = self.gaps.lost.saturating_sub(1);
            self.clear_lost();
        }
    }

    /// Says what the first batch of all means.
    pub(super) fn note_start(&self, draft: &Draft) {
        if self.checkpoint.position.is_none() {
            tracing::info!(
                rooms = draft.facts.len(),
                "the store holds no position of this account: its rooms are followed from now on, \
                 what was said before is history"
            );
        }
    }

    /// Tells of the gaps of a batch that is committed.
    pub(super) fn note_gaps(&mut self, gaps: &BTreeMap<OwnedRoomId, Gap>, is_lost: bool) {
        for (room, gap) in gaps {
            if gap.cause != GapCause::Doubt {
                metrics::count_reason(metrics::GAPS, gap.cause.as_str());
                tracing::info!(%room, cause = gap.cause.as_str(), "events are missing; they are \
                    read from the room's history before newer ones are handled");
            }
        }
        if is_lost {
            let of_loss = |gap: &&Gap| gap.cause == GapCause::PositionLost;
            self.gaps.lost += gaps.values().filter(of_loss).count();
            self.clear_lost();
        }
    }

    fn clear_lost(&self) {
        if self.gaps.lost == 0 && self.shared.health.clear(LOST) {
            tracing::info!("what happened while the position was lost is read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_told_for_a_day() {
        let (health, left) = (HealthBoard::default(), Timestamp(1));
        health.raise(MISSED, Status::Degraded, "a hole", left);
        let mut gaps = Gaps {
            last_hole: Some(left),
            ..Gaps::default()
        };

        gaps.forget_holes(&health, left + TOLD_FOR / 2);
        assert_eq!(health.health().status, Status::Degraded);
        gaps.forget_holes(&health, left + TOLD_FOR);
        assert_eq!(health.health().status, Status::Ok);
    }
}
