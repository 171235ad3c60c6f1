//! The script: which fault hits which request.

use super::{
    endpoint::Endpoint,
    fault::{Effect, Fault, SyncFault},
};

/// What a fault can go by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: Option<&'a str>,
    pub(crate) room: Option<&'a str>,
}

/// The faults that are still to come, in order.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Vec<Fault>,
}

impl Script {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn remaining(&self) -> usize {
        self.faults.len()
    }

    /// The fault that hits a request on its arrival.
    pub(crate) fn take(&mut self, target: &Target<'_>) -> Option<Fault> {
        self.take_where(target, |effect| !matches!(effect, Effect::Sync(_)))
    }

    /// The fault that shapes a sync which has events.
    pub(crate) fn take_sync(&mut self, target: &Target<'_>, may_repeat: bool) -> Option<Fault> {
        self.take_where(target, |effect| match effect {
            Effect::Sync(SyncFault::RepeatBatch) => may_repeat,
            Effect::Sync(_) => !may_repeat,
            _ => false,
        })
    }

    fn take_where(&mut self, target: &Target<'_>, of: impl Fn(&Effect) -> bool) -> Option<Fault> {
        let candidates = self
            .faults
            .iter_mut()
            .filter(|f| of(&f.effect) && f.matches(target));
        let hit = candidates
            .into_iter()
            .find_map(|fault| fault.strike().then(|| fault.clone()));
        self.faults.retain(|fault| !fault.is_used_up());
        hit
    }
}
