//! Whether store and model tell the same.

use matrix_bridge_core::{InboxId, ListState, OrderPolicy, ParkedEventId, RowId, RowState};

use super::run::{EVENTS, ROOMS, Run, VALUES};
use crate::conformance::sample::{event, key, room};

impl Run {
    /// Looks at everything.
    pub(super) async fn compare(&mut self, what: &str) {
        self.compare_inbox(what).await;
        self.compare_parked_events(what).await;
        self.compare_rows(what).await;
        let Self { store, model, .. } = self;
        assert_eq!(store.checkpoint().await, model.checkpoint, "{what}");
        let names: Vec<String> = (0..EVENTS).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let seen = names.iter().map(|name| model.is_seen(&event(name)));
        let seen: Vec<_> = seen.collect();
        assert_eq!(store.seen(&names).await, seen, "{what}: marks");
        let values = VALUES.map(|name| model.values.get(&key(name)));
        let values = values.map(|value| value.map(|value| value.to_vec()));
        assert_eq!(store.values(&VALUES).await, values, "{what}: values");
        let outcomes = store.outcomes().await.into_iter();
        let outcomes = outcomes.map(|outcome| (outcome.key, outcome.at, outcome.result));
        let outcomes: Vec<_> = outcomes.collect();
        assert_eq!(outcomes, model.outcomes, "{what}: outcomes");
        assert_eq!(store.next_due().await, model.next_due(), "{what}: next due");
    }

    /// Compares the inbox, and learns the ids of new events.
    async fn compare_inbox(&mut self, what: &str) {
        for name in ROOMS {
            let told = self.store.inbox(name).await;
            let of_room = self.model.inbox.iter_mut();
            let of_room = of_room.filter(|(_, event)| event.room == room(name));
            let mut of_room: Vec<_> = of_room.collect();
            assert_eq!(told.len(), of_room.len(), "{what}: inbox");
            for (told, (id, event)) in told.into_iter().zip(&mut of_room) {
                assert_eq!(told.entry, *event, "{what}: inbox");
                if *id == InboxId(0) {
                    *id = told.id;
                    self.received.push(told.id);
                }
                assert_eq!(told.id, *id, "{what}: inbox");
            }
        }
    }

    /// Compares the parked events, and learns the ids of new ones.
    async fn compare_parked_events(&mut self, what: &str) {
        let told = self.store.parked_events().await;
        assert_eq!(told.len(), self.model.parked.len(), "{what}: parked events");
        for (told, (id, event)) in told.into_iter().rev().zip(&mut self.model.parked) {
            assert_eq!(told.event, *event, "{what}: parked events");
            if *id == ParkedEventId(0) {
                *id = told.id;
                self.parked.push(told.id);
            }
            assert_eq!(told.id, *id, "{what}: parked events");
        }
    }

    /// Compares all rows, and learns the ids of new ones.
    async fn compare_rows(&mut self, what: &str) {
        let mut told = Vec::new();
        for state in [
            ListState::Waiting,
            ListState::Parked,
            ListState::Shadow,
            ListState::Sent,
        ] {
            told.extend(self.store.list(state).await);
        }
        told.sort_by_key(|row| row.id);
        assert_eq!(told.len(), self.model.rows.len(), "{what}: rows");
        for (told, expected) in told.iter().zip(&mut self.model.rows) {
            if expected.row.id == RowId(0) {
                expected.row.id = told.id;
            }
            assert_eq!(*told, expected.row, "{what}: rows");
        }
        let mut blocking = told.clone();
        blocking.retain(|row| {
            let is_parked = matches!(row.state, RowState::Parked { .. });
            is_parked && row.body.order == OrderPolicy::Block
        });
        let listed = self.store.list(ListState::Blocking).await;
        assert_eq!(listed, blocking, "{what}: rows that block their lane");
        let is_open =
            |state: &RowState| matches!(state, RowState::Waiting { .. } | RowState::Claimed { .. });
        let open = told.iter().filter(|row| is_open(&row.state)).count();
        let depth = self.store.depth().await;
        assert_eq!(depth.waiting, open as u64, "{what}: depth");
        let parked = self.store.parked().await;
        assert_eq!(parked, self.model.parked_rows(), "{what}: parked rows");
        let counted: u64 = parked.iter().map(|parked| parked.rows).sum();
        assert_eq!(depth.parked, counted, "{what}: depth");
    }
}
