//! Events looked up among those that were handled.

use matrix_bridge::{
    Account, Batch, Clock, CommitOutcome, StateStore, SystemClock,
    ruma::{EventId, OwnedEventId},
};
use tokio::time::Instant;

use crate::{
    Result,
    homeserver::{USER, pages},
    running::Fresh,
    took::Took,
};

/// Events in one commit.
const BATCH: usize = 10_000;

/// Events that are asked for at once, every other one of which was handled.
const ASKED: usize = 1_000;

/// So many questions are one measurement.
const QUESTIONS: usize = 100;

/// A store in which so many events are handled.
pub(crate) struct Marks {
    fresh: Fresh,
    account: Account,
    count: usize,
}

impl Marks {
    pub(crate) async fn prepare(count: usize) -> Result<Self> {
        let fresh = Fresh::store()?;
        let account = Account::new(USER);
        let numbers: Vec<usize> = (0..count).collect();
        for numbers in numbers.chunks(BATCH) {
            let mut batch = Batch::new(account.clone(), SystemClock.now());
            batch.marks = numbers.iter().copied().map(event).collect::<Result<_>>()?;
            if fresh.store.commit(batch).await? != CommitOutcome::Applied {
                return Err("the marks were not written".into());
            }
        }
        Ok(Self {
            fresh,
            account,
            count,
        })
    }

    /// What looking up takes.
    pub(crate) async fn look_up(&self) -> Result<Took> {
        // Spread over all that were handled, so that no cache holds them by chance.
        let known = (0..QUESTIONS * ASKED / 2).map(|number| number * 7_919 % self.count);
        let unknown = (0..QUESTIONS * ASKED / 2).map(|number| self.count + number);
        let events = known
            .zip(unknown)
            .flat_map(|(known, unknown)| [known, unknown]);
        let events: Vec<OwnedEventId> = events.map(event).collect::<Result<_>>()?;
        let begun = Instant::now();
        let mut found = 0;
        for asked in events.chunks(ASKED) {
            let seen = self.fresh.store.seen(&self.account, asked).await?;
            found += seen.into_iter().filter(|seen| *seen).count();
        }
        let took = Took::new(events.len(), begun.elapsed());
        if found != events.len() / 2 {
            return Err(format!("{found} of {} events were found", events.len()).into());
        }
        Ok(took)
    }
}

fn event(number: usize) -> Result<OwnedEventId> {
    Ok(EventId::parse(pages::event_id(number))?)
}
