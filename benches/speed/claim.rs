//! Rows taken out of a long outbox.

use std::time::Duration;

use matrix_bridge::{
    Claim, ClaimRequest, Clock, OutboundQueue, Settlement, SystemClock, Timestamp, Verdict,
};
use tokio::time::Instant;

use crate::{
    Result,
    running::Fresh,
    sends::{self, enqueue},
    took::Took,
};

/// Rows in one commit.
const BATCH: usize = 10_000;

/// Rows of each room.
const ROWS: usize = 20;

/// What the dispatcher asks for at once.
const LANES: usize = 50;

/// Of each lane.
const CLAIMED: usize = 10;

/// So many claims are one measurement.
const CLAIMS: usize = 20;

/// An outbox with so many rows.
pub(crate) struct Outbox {
    fresh: Fresh,
    lanes: usize,
}

impl Outbox {
    pub(crate) async fn prepare(rows: usize) -> Result<Self> {
        let fresh = Fresh::store()?;
        let (lanes, now) = (rows / ROWS, SystemClock.now());
        let numbers: Vec<usize> = (0..rows).collect();
        for numbers in numbers.chunks(BATCH) {
            // Room by room, which is how it is written fastest.
            let row = |number: &usize| sends::row(number / ROWS, *number, now);
            let rows = numbers.iter().map(row).collect::<Result<_>>()?;
            enqueue(&*fresh.store, rows).await?;
        }
        Ok(Self { fresh, lanes })
    }

    /// What a claim takes; its rows go back.
    pub(crate) async fn claim(&self) -> Result<Took> {
        let mut span = Duration::ZERO;
        for _ in 0..CLAIMS {
            let now = SystemClock.now();
            let begun = Instant::now();
            let claims = self
                .claim_lanes(LANES.min(self.lanes), CLAIMED, now)
                .await?;
            span += begun.elapsed();
            self.settle(&claims, now, &Verdict::Release).await?;
        }
        Ok(Took::new(CLAIMS, span))
    }

    /// Lets the first row of so many rooms wait for a day.
    pub(crate) async fn stick(&self, rooms: usize) -> Result<()> {
        let now = SystemClock.now();
        let claims = self.claim_lanes(rooms, 1, now).await?;
        let verdict = Verdict::Retry {
            due: now + Duration::from_secs(24 * 60 * 60),
            counted: true,
        };
        self.settle(&claims, now, &verdict).await
    }

    async fn claim_lanes(&self, lanes: usize, rows: usize, now: Timestamp) -> Result<Vec<Claim>> {
        let request = ClaimRequest {
            now,
            ttl: Duration::from_secs(600),
            lanes,
            newcomers: lanes / 2,
            rows_per_lane: rows,
            paused: Vec::new(),
        };
        let claims = self.fresh.store.claim(request).await?;
        match claims.len() == lanes {
            true => Ok(claims),
            false => Err(format!("{} of {lanes} lanes were claimed", claims.len()).into()),
        }
    }

    async fn settle(&self, claims: &[Claim], at: Timestamp, verdict: &Verdict) -> Result<()> {
        let settlements = claims.iter().flat_map(|claim| {
            let settlement = |row: &matrix_bridge::Row| Settlement {
                row: row.id,
                token: claim.token,
                verdict: verdict.clone(),
                at,
            };
            claim.rows.iter().map(settlement)
        });
        self.fresh.store.settle(settlements.collect()).await?;
        Ok(())
    }
}
