//! The disk under the store: slow, busy or full for a while.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use matrix_bridge_core::StoreErrorKind;
use matrix_bridge_testkit::{
    crash::{Fate, StoreScript},
    virtual_time::SeededRandom,
};
use tokio::time::Instant;

use crate::{
    mortal::{Mortal, Step},
    watch::Watch,
};

/// What the disk is like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Weather {
    /// Each call takes up to so long.
    Slow(Duration),
    /// Nothing is written or read.
    Away,
    /// One call of two fails, and of these every other one was made all the same.
    Flaky,
}

/// The disk of all processes.
#[derive(Debug)]
pub(crate) struct Disk {
    dice: SeededRandom,
    weather: Mutex<Option<(Weather, Instant)>>,
}

impl Disk {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            dice: SeededRandom::new(seed),
            weather: Mutex::new(None),
        }
    }

    /// It is like that for so long, and then fine.
    pub(crate) fn set(&self, weather: Weather, span: Duration) {
        *self.lock() = Some((weather, Instant::now() + span));
    }

    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    fn weather(&self) -> Option<Weather> {
        let weather = *self.lock();
        weather
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(weather, _)| weather)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Weather, Instant)>> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disk as one process has it.
#[derive(Debug)]
pub(crate) struct OwnDisk {
    pub(crate) disk: Arc<Disk>,
    pub(crate) mortal: Arc<Mortal>,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl StoreScript for OwnDisk {
    async fn next(&self, doing: &str) -> Fate {
        let step = self.mortal.step().await;
        self.watch.store_call(self.mortal.number, doing);
        let weather = self.disk.weather();
        if let Some(Weather::Slow(longest)) = weather {
            let millis = u64::try_from(longest.as_millis()).unwrap_or(1).max(1);
            let span = Duration::from_millis(self.disk.dice.below(millis));
            tokio::time::sleep(span).await;
            if self.mortal.is_dead() {
                return std::future::pending().await;
            }
        }
        if step == Step::DiesAfter {
            self.mortal.die();
            return Fate::Unheard;
        }
        match weather {
            Some(Weather::Away) => Fate::NotDone(StoreErrorKind::Unavailable),
            Some(Weather::Flaky) => match self.disk.dice.below(4) {
                0 => Fate::NotDone(StoreErrorKind::Unavailable),
                1 => Fate::Unanswered,
                _ => Fate::Done,
            },
            Some(Weather::Slow(_)) | None => Fate::Done,
        }
    }
}
