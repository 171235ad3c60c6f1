//! One random run: the same calls to the store and to the model.

use std::time::Duration;

use matrix_bridge_core::{
    ClaimRequest, ClaimToken, EndpointClass, Fence, InboxId, LeaseRequest, ListState,
    ParkedEventId, PruneLimits, RowId, Settlement, Timestamp,
};

use super::{
    draw::{random_row, random_verdict},
    model::Model,
    seeded::Seeded,
};
use crate::conformance::{
    StoreFactory,
    checked::Checked,
    sample::{ALL, at, lease_name, lease_of, no_limits, user},
};

pub(super) const ROOMS: [&str; 2] = ["room-a", "room-b"];
pub(super) const VALUES: [&str; 3] = ["x", "y", "z"];
pub(super) const EVENTS: u64 = 30;

/// A store and a model that went through the same.
pub(super) struct Run {
    pub(super) store: Checked,
    pub(super) model: Model,
    pub(super) seeded: Seeded,
    seed: u64,
    pub(super) now: Timestamp,
    /// All claims that there ever were, row by row.
    claimed: Vec<(RowId, ClaimToken)>,
    /// All inbox entries that there ever were.
    pub(super) received: Vec<InboxId>,
    /// All parked events that there ever were.
    pub(super) parked: Vec<ParkedEventId>,
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
            parked: Vec::new(),
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
            newcomers: usize::from(seeded.chance(50)) * 2,
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

    /// Requeues, discards or replaces a parked row.
    async fn move_parked(&mut self, what: &str) {
        let parked = self.store.list(ListState::Parked).await;
        let Some(row) = self.seeded.pick(&parked) else {
            return;
        };
        match self.seeded.below(10) {
            0..6 => {
                self.model.requeue(&row.key, self.now);
                let requeued = self.store.requeue(&[row.id], self.now.0).await;
                assert_eq!(requeued, 1, "{what}: a parked row");
            }
            6..8 => {
                self.model.discard(&row.key);
                assert_eq!(
                    self.store.discard(&[row.id]).await,
                    1,
                    "{what}: a parked row"
                );
            }
            _ => {
                let with = random_row(&mut self.seeded, self.now);
                let replaced = self.store.replace(row.id, with.clone()).await;
                assert_eq!(
                    replaced,
                    self.model.replace(&row.key, with),
                    "{what}: replace"
                );
            }
        }
    }

    async fn prune(&mut self) {
        let before = self.now - Duration::from_millis(300);
        let parked_rows_max = 2 + self.seeded.below(10);
        let limits = PruneLimits {
            marks_before: before,
            records_before: before,
            parked_rows_max,
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
}
