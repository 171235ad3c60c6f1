//! The events of the batch at hand, room by room.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use ruma::{OwnedRoomId, RoomId};

use super::work::{Outcome, Overlay, Work};
use crate::Effects;

/// The rooms of one batch. Each is handled in order; many at once.
#[derive(Debug, Default)]
pub(super) struct Live {
    rooms: BTreeMap<OwnedRoomId, LiveRoom>,
    ready: VecDeque<OwnedRoomId>,
    running: usize,
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
        let room = |waiting| LiveRoom {
            waiting,
            ..LiveRoom::default()
        };
        let rooms = work
            .into_iter()
            .map(|(id, waiting)| (id, room(waiting)))
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

    /// The next event to begin, if fewer than `bound` rooms are being handled.
    pub(super) fn begin(&mut self, bound: usize) -> Option<(Work, Arc<Overlay>)> {
        if self.running >= bound {
            return None;
        }
        let id = self.ready.pop_front()?;
        let room = self.rooms.get_mut(&id)?;
        let work = room.waiting.pop_front()?;
        room.running = Some(work.clone());
        self.running += 1;
        Some((work, room.overlay.clone()))
    }

    /// The running event of `room` came to an end. Gives the outcome back if it is not
    /// one of this batch's.
    pub(super) fn finish(&mut self, id: &RoomId, outcome: Outcome) -> Result<(), Outcome> {
        let Some(room) = self.rooms.get_mut(id) else {
            return Err(outcome);
        };
        let Some(work) = room.running.take() else {
            return Err(outcome);
        };
        self.running -= 1;
        match &outcome {
            Outcome::Done(effects) | Outcome::Park(_, effects) => room.overlay(effects),
            Outcome::Retry { .. } => room.is_held = true,
        }
        room.settled.push((work, outcome));
        if !room.is_held && !room.waiting.is_empty() {
            self.ready.push_back(id.to_owned());
        }
        Ok(())
    }

    /// The rooms, whatever is left in them.
    pub(super) fn into_rooms(self) -> BTreeMap<OwnedRoomId, LiveRoom> {
        self.rooms
    }
}

impl LiveRoom {
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
