//! One random run: the same calls to the store and to the model.

use std::time::Duration;

use matrix_bridge_core::{
    Batch, ClaimRequest, ClaimToken, EndpointClass, Fence, InboxId, InboxRetry, LeaseRequest,
    ListState, NewInboxEntry, NewRow, Owner, PruneLimits, RowId, RowState, Settlement, Timestamp,
    Verdict,
};

use super::{model::Model, seeded::Seeded};
use crate::conformance::{
    StoreFactory,
    checked::Checked,
    sample::{
        ALL, advance, at, batch, event, from, inbox_event, key, last_seen, lease_name, lease_of,
        linked, message, no_limits, parked, reason, remove, room, row, set, shadow, user,
    },
};

const ROOMS: [&str; 2] = ["room-a", "room-b"];
const VALUES: [&str; 3] = ["x", "y", "z"];
const EVENTS: u64 = 30;

/// A store and a model that went through the same.
pub(super) struct Run {
    store: Checked,
    model: Model,
    seeded: Seeded,
    seed: u64,
    now: Timestamp,
    /// All claims that there ever were, row by row.
    claimed: Vec<(RowId, ClaimToken)>,
    /// All inbox events that there ever were.
    received: Vec<InboxId>,
}

impl Run {
    pub(super) async fn new(factory: &dyn StoreFactory, seed: u64) -> Self {
        Self {
            store: Checked::open_as(factory, &format!("seed-{seed}")).await,
            model: Model::default(),
            seeded: Seeded::new(seed),
            seed,
            now: at(1),
            claimed: Vec::new(),
            received: Vec::new(),
        }
    }

    /// One call, and now and then a look at everything.
    pub(super) async fn step(mut self, factory: &dyn StoreFactory, step: usize) -> Self {
        let what = format!("seed {}, step {step}", self.seed);
        self.now.0 += self.seeded.below(20);
        match self.seeded.below(100) {
            0..40 => self.commit(&what).await,
            40..60 => self.claim(&what).await,
            60..85 => self.settle(&what).await,
            85..90 => self.move_parked(&what).await,
            90..93 => self.prune().await,
            93..99 => self.lease(&what).await,
            _ => self.store = self.store.reopen(factory).await,
        }
        // Looking takes far longer than the call, and a difference does not go away.
        if step % 5 == 4 {
            self.compare(&what).await;
        }
        self
    }

    async fn commit(&mut self, what: &str) {
        let batch = self.batch();
        let outcome = self.store.try_commit(batch.clone()).await;
        assert_eq!(outcome, self.model.commit(batch), "{what}: commit");
    }

    fn batch(&mut self) -> Batch {
        let seeded = &mut self.seeded;
        let mut batch = Batch {
            now: self.now,
            ..batch()
        };
        if seeded.chance(20) {
            let fence = Fence(self.model.fence.0.saturating_sub(seeded.below(2)));
            let lease = lease_name();
            batch.owner = Some(Owner { lease, fence });
        }
        if seeded.chance(50) {
            let generation = self.model.checkpoint.generation.0;
            let position = format!("s{}", seeded.below(100));
            let lag = if seeded.chance(20) { 1 } else { 0 };
            batch.advance = advance(generation.saturating_sub(lag), &position);
        }
        for _ in 0..seeded.below(3) {
            batch.marks.push(event(&seeded.below(EVENTS).to_string()));
        }
        for _ in 0..seeded.below(4) {
            batch.rows.push(random_row(seeded, self.now));
        }
        for _ in 0..seeded.below(2) {
            let name = seeded.below(EVENTS).to_string();
            let room = seeded.pick(&ROOMS).expect("there are rooms");
            let received = self.now;
            let event = inbox_event(&name, room);
            batch.inbox.push(NewInboxEntry { received, ..event });
        }
        // Mostly those received last: the older ones tend to be settled, hence stale.
        let recent = self.received.len().saturating_sub(3);
        if seeded.chance(40) {
            batch
                .inbox_done
                .extend(seeded.pick(&self.received[recent..]));
        }
        if seeded.chance(20) {
            let id = seeded.pick(&self.received[recent..]).copied();
            let attempts = u32::from(seeded.chance(50));
            let due = self.now;
            let retry = id.map(|id| InboxRetry { id, attempts, due });
            batch.inbox_retry.extend(retry);
        }
        if seeded.chance(20) {
            let name = seeded.pick(&ROOMS).expect("there are rooms");
            let last = seeded.below(EVENTS).to_string();
            batch.facts.push(last_seen(name, &last));
        }
        if seeded.chance(30) {
            let name = seeded.pick(&VALUES).expect("there are values");
            let change = [set(name, "1"), set(name, "2"), remove(name)];
            batch.values.extend(seeded.pick(&change).cloned());
        }
        batch
    }

    async fn claim(&mut self, what: &str) {
        let seeded = &mut self.seeded;
        let mut paused = Vec::new();
        if seeded.chance(20) {
            paused.push((user("bot"), EndpointClass::Event));
        }
        let request = ClaimRequest {
            now: self.now,
            ttl: Duration::from_millis(1 + seeded.below(100)),
            lanes: ALL,
            rows_per_lane: 1 + usize::from(seeded.chance(70)) * 3,
            paused,
        };
        let mut claims = self.store.claim_with(request.clone()).await;
        claims.sort_by(|a, b| a.lane.cmp(&b.lane));

        let told = claims.iter().map(|claim| {
            let keys = claim.rows.iter().map(|row| row.key.clone());
            (claim.lane.clone(), keys.collect())
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told, self.model.claimable(&request), "{what}: claim");
        for claim in &claims {
            self.model.take(&request, claim);
            let rows = claim.rows.iter().map(|row| (row.id, claim.token));
            self.claimed.extend(rows);
        }
    }

    async fn settle(&mut self, what: &str) {
        let recent = self.claimed.len().saturating_sub(12);
        let mut settlements = Vec::new();
        for _ in 0..=self.seeded.below(4) {
            let picked = self.seeded.pick(&self.claimed[recent..]).copied();
            let verdict = random_verdict(&mut self.seeded, self.now);
            settlements.extend(picked.map(|(row, token)| Settlement {
                row,
                token,
                verdict,
                at: self.now,
            }));
        }
        let lost = self.store.settle(settlements.clone()).await;

        let mut expected = Vec::new();
        for settlement in settlements {
            let row = settlement.row;
            if !self.model.settle(settlement) {
                expected.push(row);
            }
        }
        assert_eq!(lost, expected, "{what}: settle");
    }

    /// Requeues or discards a parked row.
    async fn move_parked(&mut self, what: &str) {
        let parked = self.store.list(ListState::Parked).await;
        let Some(row) = self.seeded.pick(&parked) else {
            return;
        };
        let moved = if self.seeded.chance(70) {
            self.model.requeue(&row.key, self.now);
            self.store.requeue(&[row.id], self.now.0).await
        } else {
            self.model.discard(&row.key);
            let discarded = self.store.store.discard(&[row.id]).await;
            discarded.expect("discarding works")
        };
        assert_eq!(moved, 1, "{what}: a parked row");
    }

    async fn prune(&mut self) {
        let before = self.now - Duration::from_millis(300);
        let limits = PruneLimits {
            marks_before: before,
            records_before: before,
            ..no_limits()
        };
        self.store.prune(limits).await;
        self.model.prune(limits);
    }

    async fn lease(&mut self, what: &str) {
        if self.seeded.chance(30) {
            let fence = Fence(self.seeded.below(self.model.fence.0 + 1));
            self.model.release(fence);
            let released = self.store.store.release(&lease_name(), fence).await;
            return released.expect("releasing works");
        }
        let holder = self.seeded.below(2).to_string();
        let request = LeaseRequest {
            ttl: Duration::from_millis(200),
            ..lease_of(&holder, self.now.0)
        };
        let outcome = self.store.lease(request.clone()).await;
        assert_eq!(outcome, self.model.lease(request), "{what}: lease");
    }

    async fn compare(&mut self, what: &str) {
        self.compare_inbox(what).await;
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
        let is_open =
            |state: &RowState| matches!(state, RowState::Waiting { .. } | RowState::Claimed { .. });
        let open = told.iter().filter(|row| is_open(&row.state)).count();
        let depth = self.store.depth().await;
        assert_eq!(depth.waiting, open as u64, "{what}: depth");
    }
}

fn random_row(seeded: &mut Seeded, now: Timestamp) -> NewRow {
    let key = seeded.below(120).to_string();
    let lane = format!("lane-{}", seeded.below(3));
    let mut row = NewRow {
        created: now + Duration::from_millis(seeded.below(3) * 10),
        ..row(&key, &lane)
    };
    if seeded.chance(20) {
        row = from(row, "ghost");
    }
    if seeded.chance(10) {
        row.class = EndpointClass::Invite;
    }
    if seeded.chance(30) {
        row = linked(row, &key);
    }
    match seeded.below(10) {
        0 => shadow(row),
        1 => parked(row),
        _ => row,
    }
}

fn random_verdict(seeded: &mut Seeded, now: Timestamp) -> Verdict {
    match seeded.below(10) {
        0..3 => Verdict::Sent(Some(event(&format!("sent-{}", seeded.below(1_000))))),
        3..6 => Verdict::Retry {
            due: now + Duration::from_millis(seeded.below(60)),
            counted: seeded.chance(50),
        },
        6 => Verdict::Release,
        7 => Verdict::Park(reason("at random")),
        8 => Verdict::Shadow,
        _ => Verdict::Amend(message(&seeded.below(100).to_string())),
    }
}
