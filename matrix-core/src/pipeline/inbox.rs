//! Events that wait in the store: loaded, begun and settled.

use std::{collections::BTreeMap, sync::Arc};

use ruma::OwnedRoomId;

use super::{
    Ended, Interrupted, Pipeline, handle,
    rows::RowMaker,
    settle::apply,
    work::{Outcome, Work},
};
use crate::{InboxItem, InboxRetry, StoreError, StoreErrorKind};

/// So many inbox events of a room are held at once.
const PAGE: usize = 8;

/// So many rooms of the inbox are listed at once.
const LANES: usize = 500;

impl Pipeline {
    pub(super) async fn load_backlog(&mut self) -> Result<(), Interrupted> {
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
                self.inbox_waiting += lane.entries;
                self.backlog.add(lane.room);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Looks for rooms that somebody else put entries into, such as a person who has a
    /// parked event tried again. One look is one page.
    pub(super) async fn look_at_inbox(&mut self) -> Result<(), Interrupted> {
        let shared = self.shared.clone();
        let after = self.looked_until.take();
        let lanes = shared
            .store
            .inbox_lanes(&shared.account, after.as_deref(), LANES)
            .await?;
        if lanes.len() == LANES {
            self.looked_until = lanes.last().map(|lane| lane.room.clone());
        } else if after.is_none() {
            self.inbox_waiting = lanes.iter().map(|lane| lane.entries).sum();
        }
        for lane in lanes {
            self.backlog.add(lane.room);
        }
        Ok(())
    }

    /// Begins inbox events, as many as there are places.
    pub(super) async fn fill(&mut self) -> Result<(), Interrupted> {
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
            if event.entry.due > now {
                self.backlog.delay(room, event.entry.due);
                continue;
            }
            if let InboxItem::Gap(gap) = &event.entry.item
                && gap.end.is_none()
            {
                self.begin_gap(room, event.id, gap.clone());
                continue;
            }
            let work = Work::from_inbox(&event).ok_or_else(|| {
                StoreError::new(StoreErrorKind::Corrupt, "reading an event from the inbox")
            })?;
            self.backlog.start(&room, event.id);
            self.tasks
                .spawn(handle(shared.clone(), work, Arc::default()));
        }
        Ok(())
    }

    /// Commits what came to an end in the inbox.
    pub(super) async fn flush(&mut self) -> Result<(), Interrupted> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let mut draft = self.draft();
        let mut maker = RowMaker::new(&shared, BTreeMap::new());
        let mut rooms = Vec::new();
        for Ended { id, work, outcome } in std::mem::take(&mut self.ended) {
            let is_retried = matches!(outcome, Outcome::Retry { .. });
            rooms.push((work.room().to_owned(), is_retried));
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

    /// Rooms whose events went to the inbox are handled from there on.
    pub(super) async fn keep_spilled(
        &mut self,
        spilled: Vec<(OwnedRoomId, bool)>,
    ) -> Result<(), Interrupted> {
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
}
