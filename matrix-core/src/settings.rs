//! The engine's bounds and times.

use std::{sync::Arc, time::Duration};

use crate::{Backoff, Identity, RetryPolicy};

/// The engine's bounds and times. The defaults suit a bot in some hundred rooms.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a batch waits for its handlers before what is unfinished goes to the
    /// inbox and the source moves on.
    pub grace: Duration,
    /// How many rooms of a batch are handled at once.
    pub parallel_rooms: usize,
    /// How many rooms are handled at once from the inbox.
    pub inbox_rooms: usize,
    /// How long a handler may take.
    pub handler_timeout: Duration,
    /// How often a handler may ask to be called again for one event.
    pub handler_attempts: u32,
    /// How many events of a gap are read at most; one page more may come. What lies
    /// further back is left out and [told](crate::EventHandler::missed).
    pub gap_events: u64,
    /// How many events of a gap are asked for at once.
    pub gap_page: u32,
    /// How long reading a gap may take, while the homeserver answers; outages and limits
    /// do not count.
    pub gap_time: Duration,
    /// How many gaps are read at once.
    pub gap_rooms: usize,
    /// How old an event may be that comes late (after an outage, from a gap, or after a
    /// lost position) to be handled still. Older ones are counted and count as seen. Their
    /// age is that when they are taken in: what lies in the inbox is handled however long
    /// nobody runs.
    /// The sender's clock counts only between our last commit in the room and now.
    pub catch_up_age: Duration,
    /// Whether the source went past events is looked up at a start and after an outage,
    /// in up to so many joined rooms; 0 for never. It costs one request for all, and one
    /// for each room in which something happened meanwhile.
    pub checked_rooms: usize,
    /// How long an engine that stopped without a word keeps its account from another. A
    /// running one says four times as often that it is there.
    pub lease_ttl: Duration,
    /// How long an event is remembered as handled.
    pub marks_ttl: Duration,
    /// How many events are remembered as handled, at most.
    pub marks_max: u64,
    /// How long records of sent and shadow rows are kept.
    pub records_ttl: Duration,
    /// How many of each are kept, at most.
    pub records_max: u64,
    /// How many parked events are kept, at most.
    pub parked_events_max: u64,
    /// How many parked rows are kept, at most.
    pub parked_rows_max: u64,
    /// How many requests that send are under way at once. Beyond some eight a
    /// homeserver gives longer waits, not more throughput.
    pub in_flight: usize,
    /// How many rows of one lane are claimed at once.
    pub rows_per_lane: usize,
    /// How long a claim on a lane holds.
    pub claim_ttl: Duration,
    /// How long the homeserver surely knows a transaction id of a sender with a device.
    /// What may have been sent longer ago is looked for in its room before it is sent
    /// again. Synapse knows it for 24 hours, over restarts too.
    pub transaction_memory: Duration,
    /// The same for a sender without a device: Synapse knows it for half an hour, and
    /// not after its own restart. A message whose answer was lost within this time
    /// before such a restart is doubled; a device is the only remedy.
    pub transaction_memory_without_device: Duration,
    /// How often a row on which the homeserver fails is tried while others go through.
    pub send_attempts: u32,
    /// How long to wait for a homeserver that is away.
    pub reconnect: Arc<dyn RetryPolicy>,
    /// How long to wait for a row on which the homeserver fails.
    pub retry: Arc<dyn RetryPolicy>,
    /// How long requests under way may take when the engine is told to stop.
    pub stop_within: Duration,
}

impl Settings {
    /// How long the homeserver surely knows a transaction id of `sender`.
    pub(crate) const fn memory_of(&self, sender: &Identity) -> Duration {
        match sender.device {
            Some(_) => self.transaction_memory,
            None => self.transaction_memory_without_device,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            grace: Duration::from_secs(1),
            parallel_rooms: 64,
            inbox_rooms: 256,
            handler_timeout: Duration::from_secs(10 * 60),
            handler_attempts: 10,
            gap_events: 1_000,
            gap_page: 100,
            gap_time: Duration::from_secs(5 * 60),
            gap_rooms: 4,
            catch_up_age: DAY,
            checked_rooms: 2_000,
            lease_ttl: Duration::from_secs(60),
            marks_ttl: 30 * DAY,
            marks_max: 1_000_000,
            records_ttl: 30 * DAY,
            records_max: 100_000,
            parked_events_max: 10_000,
            parked_rows_max: 100_000,
            in_flight: 8,
            rows_per_lane: 32,
            claim_ttl: Duration::from_secs(10 * 60),
            transaction_memory: Duration::from_secs(23 * 60 * 60),
            transaction_memory_without_device: Duration::from_secs(25 * 60),
            send_attempts: 8,
            reconnect: Arc::new(Backoff::RECONNECT),
            retry: Arc::new(Backoff::ROW),
            stop_within: Duration::from_secs(3),
        }
    }
}
