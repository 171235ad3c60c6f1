//! What a run costs: memory and processor time.

use std::time::Duration;

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// The most memory that it held at once beyond what was held before, in bytes. What
    /// SQLite takes is not in it.
    pub(crate) memory: usize,
    /// The time of this thread's processor.
    pub(crate) time: Duration,
}

/// Runs `work` on this thread, alone in the process.
pub(crate) fn cost(work: impl FnOnce()) -> Cost {
    MEMORY.reset_peak_usage();
    let held = MEMORY.current_usage();
    let started = processor_time();
    work();
    Cost {
        time: processor_time().saturating_sub(started),
        memory: MEMORY.peak_usage().saturating_sub(held),
    }
}

/// Of this thread only, so that a busy machine makes no findings.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}
