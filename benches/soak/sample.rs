//! What the process and the store hold.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use matrix_bridge::{Health, HealthBoard};
use tokio::time::Instant;

use crate::{Result, arguments::Flood, handler::Handler};

/// So many lines are shown of each run.
pub(crate) const LINES: u64 = 20;
pub(crate) const MIB: u64 = 1024 * 1024;

/// The names of the columns.
pub(crate) const HEAD: &str = "\
    events     handled  memory MiB  store MiB   inbox  outbox  parked  events/s
----------  ----------  ----------  ---------  ------  ------  ------  --------";

/// One line.
#[derive(Debug)]
pub(crate) struct Sample {
    events: u64,
    handled: u64,
    memory: u64,
    store: u64,
    health: Health,
    rate: u64,
}

/// All lines of a run.
#[derive(Debug)]
pub(crate) struct Samples {
    step: u64,
    next: u64,
    path: PathBuf,
    health: HealthBoard,
    begun: Instant,
    memory: Vec<u64>,
}

impl Samples {
    pub(crate) fn new(sizes: Flood, path: PathBuf, health: HealthBoard) -> Self {
        let step = sizes.events / LINES;
        Self {
            step,
            next: step,
            path,
            health,
            begun: Instant::now(),
            memory: Vec::new(),
        }
    }

    pub(crate) const fn is_due(&self, events: u64) -> bool {
        events >= self.next
    }

    pub(crate) fn take(&mut self, events: u64, handler: &Handler) -> Result<Sample> {
        self.next = events + self.step;
        let memory = resident()?;
        self.memory.push(memory);
        let millis = u64::try_from(self.begun.elapsed().as_millis())?.max(1);
        Ok(Sample {
            events,
            handled: handler.handled.load(Ordering::Relaxed),
            memory,
            store: on_disk(&self.path),
            health: self.health.health(),
            rate: events * 1_000 / millis,
        })
    }

    /// How the memory of the last quarter compares with that after the first.
    pub(crate) fn verdict(&self) -> String {
        let quarter = self.memory.len() / 4;
        let (Some(early), Some(late)) = (
            self.memory.get(quarter),
            self.memory.iter().rev().take(quarter.max(1)).max(),
        ) else {
            return "too few samples to compare".to_owned();
        };
        format!(
            "memory after a quarter {} MiB, at most {} MiB in the last quarter",
            early / MIB,
            late / MIB
        )
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10}  {:>10}  {:>10}  {:>9}  {:>6}  {:>6}  {:>6}  {:>8}",
            self.events,
            self.handled,
            self.memory / MIB,
            self.store / MIB,
            self.health.inbox_waiting,
            self.health.outbox_waiting,
            self.health.outbox_parked,
            self.rate,
        )
    }
}

/// The memory that the process has in use, in bytes, as Linux tells it.
pub(crate) fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib
        .ok_or("the system does not tell VmRSS")?
        .trim()
        .parse()?;
    Ok(kib * 1024)
}

/// The size of the store's files.
pub(crate) fn on_disk(path: &Path) -> u64 {
    let size = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(PathBuf::from(name)).map_or(0, |file| file.len())
    };
    size("") + size("-wal")
}
