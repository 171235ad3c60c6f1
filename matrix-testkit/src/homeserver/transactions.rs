//! The memory of transaction ids, with Synapse's two very different lifetimes: whole
//! answers by their paths, in memory, for everybody; and events by their ids, on disk, for
//! whoever has a device.

use std::{collections::BTreeMap, time::Duration};

use super::auth::Who;

/// With a device: a day, by a job that runs every five minutes (measured).
const DURABLE: Lifetime = Lifetime {
    least: Duration::from_secs(24 * 3600),
    job: Duration::from_secs(300),
};
/// Without: half an hour, by a job that runs every half hour, and not past a restart.
const VOLATILE: Lifetime = Lifetime {
    least: Duration::from_secs(1800),
    job: Duration::from_secs(1800),
};

/// Which events were sent under which transaction ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transactions {
    /// Keyed by room, user, device and id: neither endpoint nor event type counts.
    durable: BTreeMap<(String, String, String, String), Entry>,
    /// Keyed by user, device if any, and the very path.
    volatile: BTreeMap<(String, Option<String>, String), Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    event_id: String,
    at: Duration,
}

/// One attempt to write under a transaction id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) who: &'a Who,
    pub(crate) room: &'a str,
    pub(crate) id: &'a str,
    pub(crate) path: &'a str,
}

impl Transactions {
    /// The event that the same attempt made before.
    pub(crate) fn find(&self, attempt: Attempt<'_>, now: Duration) -> Option<&str> {
        let in_memory = self.volatile.get(&volatile_key(attempt));
        let in_memory = in_memory.filter(|entry| VOLATILE.holds(entry.at, now));
        // Measured: what has an empty id is not looked up.
        let on_disk = || self.kept(attempt, now).filter(|_| !attempt.id.is_empty());
        in_memory.or_else(on_disk).map(|entry| &*entry.event_id)
    }

    /// Whether the place of an attempt without a known event is taken: so with empty ids,
    /// on which the server breaks (measured).
    pub(crate) fn is_in_the_way(&self, attempt: Attempt<'_>, now: Duration) -> bool {
        self.kept(attempt, now).is_some()
    }

    fn kept(&self, attempt: Attempt<'_>, now: Duration) -> Option<&Entry> {
        let device = attempt.who.device.as_deref()?;
        let entry = self.durable.get(&durable_key(attempt, device))?;
        DURABLE.holds(entry.at, now).then_some(entry)
    }

    pub(crate) fn remember(&mut self, attempt: Attempt<'_>, event_id: &str, now: Duration) {
        let entry = Entry {
            event_id: event_id.to_owned(),
            at: now,
        };
        if let Some(device) = &attempt.who.device {
            self.durable
                .insert(durable_key(attempt, device), entry.clone());
        }
        self.volatile.insert(volatile_key(attempt), entry);
        self.durable.retain(|_, entry| DURABLE.holds(entry.at, now));
        self.volatile
            .retain(|_, entry| VOLATILE.holds(entry.at, now));
    }

    /// What no server that keeps to its own rules does, but a lost table does.
    pub(crate) fn forget_all(&mut self) {
        self.durable.clear();
        self.volatile.clear();
    }

    /// What a restart of the process forgets.
    pub(crate) fn forget_volatile(&mut self) {
        self.volatile.clear();
    }
}

fn durable_key(attempt: Attempt<'_>, device: &str) -> (String, String, String, String) {
    let Attempt {
        who,
        room,
        id,
        path: _,
    } = attempt;
    (
        room.to_owned(),
        who.user.clone(),
        device.to_owned(),
        id.to_owned(),
    )
}

fn volatile_key(attempt: Attempt<'_>) -> (String, Option<String>, String) {
    let Who { user, device } = attempt.who.clone();
    (user, device, attempt.path.to_owned())
}

#[derive(Clone, Copy, Debug)]
struct Lifetime {
    least: Duration,
    /// How often the job runs that forgets.
    job: Duration,
}

impl Lifetime {
    /// Whether the job's last run before `now` left an entry of `at`.
    fn holds(self, at: Duration, now: Duration) -> bool {
        let runs = now.as_nanos() / self.job.as_nanos();
        runs * self.job.as_nanos() < (at + self.least).as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_without_a_device_lives_between_30_and_60_minutes() {
        assert!(VOLATILE.holds(MINUTE, MINUTE * 32));
        assert!(VOLATILE.holds(MINUTE, MINUTE * 59));
        assert!(!VOLATILE.holds(MINUTE, MINUTE * 60));
    }

    #[test]
    fn an_entry_with_a_device_outlives_a_day_until_the_job_runs() {
        let day = MINUTE * 60 * 24;
        assert!(DURABLE.holds(MINUTE, day + MINUTE * 4));
        assert!(!DURABLE.holds(MINUTE, day + MINUTE * 5));
    }
}
