//! The events of the batch at hand, room by room.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ruma::OwnedRoomId;

use super::work::{self, Outcome, Overlay, Work};
use crate::{Effects, shared::Shared};

/// A room that was at it for so long lets others go before it: rooms take turns.
const TURN: Duration = Duration::from_millis(10);

/// The rooms of one batch. Each is handled in order; many at once.
#[derive(Debug, Default)]
pub(super) struct Live {
    rooms: BTreeMap<OwnedRoomId, Arc<Line>>,
    ready: VecDeque<OwnedRoomId>,
    running: usize,
}

/// The events of a room, which the task of its turn and the pipeline share.
///
/// A task for each event would cost more than most handlers.
#[derive(Debug)]
pub(super) struct Line(Mutex<LiveRoom>);

/// A room's turn, on its way.
#[derive(Debug)]
pub(super) struct Turn {
    room: OwnedRoomId,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
pub(super) struct LiveRoom {
    /// Settled, in order.
    pub(super) settled: Vec<(Work, Outcome)>,
    /// Being handled.
    pub(super) running: Option<Work>,
    /// Not begun, in order.
    pub(super) waiting: VecDeque<Work>,
    /// The first waiting event asked for a pause: nothing here goes on in this batch.
    is_held: bool,
    overlay: Arc<Overlay>,
}

impl Live {
    pub(super) fn new(work: BTreeMap<OwnedRoomId, VecDeque<Work>>) -> Self {
        let ready = work.keys().cloned().collect();
        let line = |waiting| {
            Arc::new(Line(Mutex::new(LiveRoom {
                waiting,
                ..LiveRoom::default()
            })))
        };
        let rooms = work
            .into_iter()
            .map(|(id, waiting)| (id, line(waiting)))
            .collect();
        Self {
            rooms,
            ready,
            running: 0,
        }
    }

    /// Whether nothing is left to begin or to wait for.
    pub(super) fn is_settled(&self) -> bool {
        self.running == 0 && self.ready.is_empty()
    }

    /// The next room to begin, if fewer than `bound` are being handled.
    pub(super) fn begin(&mut self, bound: usize) -> Option<Turn> {
        if self.running >= bound {
            return None;
        }
        let room = self.ready.pop_front()?;
        let line = self.rooms.get(&room)?.clone();
        self.running += 1;
        Some(Turn { room, line })
    }

    /// A room's turn came to an end. One of an earlier batch changes nothing.
    pub(super) fn finish(&mut self, turn: Turn) {
        let Turn { room, line } = turn;
        let is_ours = |ours: &Arc<Line>| Arc::ptr_eq(ours, &line);
        if !self.rooms.get(&room).is_some_and(is_ours) {
            return;
        }
        self.running -= 1;
        if line.room().goes_on() {
            self.ready.push_back(room);
        }
    }

    /// The rooms, whatever is left in them. Their turns end with the events that are
    /// being handled, whose outcomes come back as those of the inbox.
    pub(super) fn into_rooms(self) -> BTreeMap<OwnedRoomId, LiveRoom> {
        let rooms = self.rooms.into_iter();
        rooms
            .map(|(id, line)| (id, std::mem::take(&mut *line.room())))
            .collect()
    }
}

impl Turn {
    /// Handles the room's events, one after the other. Gives back the last one if the
    /// batch ended before it.
    pub(super) async fn run(self, shared: Arc<Shared>) -> Result<Self, Box<(Work, Outcome)>> {
        let begun = shared.steady();
        while let Some((work, overlay)) = self.line.begin() {
            let outcome = work::handle(shared.clone(), work.clone(), overlay).await;
            if let Err(outcome) = self.line.finish(outcome) {
                return Err(Box::new((work, outcome)));
            }
            if shared.steady().since(begun) >= TURN {
                break;
            }
        }
        Ok(self)
    }
}

impl Line {
    /// The next event to handle.
    fn begin(&self) -> Option<(Work, Arc<Overlay>)> {
        let mut room = self.room();
        if room.is_held {
            return None;
        }
        let work = room.waiting.pop_front()?;
        room.running = Some(work.clone());
        Some((work, room.overlay.clone()))
    }

    /// The running event came to an end. Gives the outcome back if the batch has ended.
    fn finish(&self, outcome: Outcome) -> Result<(), Outcome> {
        let mut room = self.room();
        let Some(work) = room.running.take() else {
            return Err(outcome);
        };
        match &outcome {
            Outcome::Done(effects) | Outcome::Park(_, effects) => room.overlay(effects),
            Outcome::Retry { .. } => room.is_held = true,
        }
        room.settled.push((work, outcome));
        Ok(())
    }

    fn room(&self) -> MutexGuard<'_, LiveRoom> {
        // Handlers run outside of it, and what is done inside does not panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveRoom {
    fn goes_on(&self) -> bool {
        !self.is_held && !self.waiting.is_empty()
    }

    fn overlay(&mut self, effects: &Effects) {
        if effects.values.is_empty() {
            return;
        }
        let overlay = Arc::make_mut(&mut self.overlay);
        for change in &effects.values {
            overlay.insert(change.key.clone(), change.value.clone());
        }
    }
}
