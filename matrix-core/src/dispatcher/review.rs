//! What the health says about rows that wait for a person, kept true whoever decides.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Work,
    outcome::{BLOCKED, CONFUSED, blocked, long_wait},
};
use crate::{ListState, ParkCode, StoreError, time::Moment};

/// Others decide about rows too, and tell nobody: look this often.
const EVERY: Duration = Duration::from_secs(5);

/// So many rows that block their room are shown.
const MOST: usize = 50;

/// Looks now and then.
#[derive(Debug, Default)]
pub(super) struct Review {
    last: Option<Moment>,
}

impl Review {
    /// Looks, if it is time to.
    pub(super) async fn run(&mut self, work: &Work, now: Moment) -> Result<(), StoreError> {
        let health = &work.shared.health;
        for (_, class) in work.paces().long_waits_over(now) {
            health.clear(&long_wait(class));
        }
        if self.last.is_some_and(|last| now.since(last) < EVERY) {
            return Ok(());
        }
        self.last = Some(now);
        let rows = work
            .shared
            .store
            .list(ListState::Blocking, None, MOST)
            .await?;
        let codes: BTreeSet<String> = rows.iter().map(blocked).collect();
        for row in &rows {
            work.note_blocked(row);
        }
        for code in health.raised(BLOCKED) {
            if !codes.contains(&code) {
                health.clear(&code);
            }
        }
        if !health.raised(CONFUSED).is_empty() {
            let parked = work.shared.store.parked().await?;
            if !parked.iter().any(|of| of.code == ParkCode::TransactionUsed) {
                health.clear(CONFUSED);
            }
        }
        Ok(())
    }
}
