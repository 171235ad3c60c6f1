//! Who has to wait, and for how long: pure, with the time as an argument.

use std::{collections::BTreeMap, time::Duration};

use ruma::OwnedUserId;

use crate::{EndpointClass, Timestamp};

/// The waits of one dispatcher.
///
/// Limits hang on a sender and a class of endpoint, troubles of an account on the
/// sender, and a homeserver that is away on all.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    limited: BTreeMap<(OwnedUserId, EndpointClass), Timestamp>,
    accounts: BTreeMap<OwnedUserId, Account>,
    away: Option<Away>,
    last_success: Option<Timestamp>,
}

#[derive(Debug)]
struct Away {
    until: Timestamp,
    failures: u32,
}

#[derive(Debug)]
struct Account {
    until: Timestamp,
}

/// How much may be sent now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Allowance {
    /// As much as fits.
    Open,
    /// One lane, to find out whether the homeserver is back.
    Probe,
    /// Nothing before that time.
    Closed(Timestamp),
}

impl Pauses {
    /// How much may be sent at `now`.
    pub(super) fn allowance(&self, now: Timestamp) -> Allowance {
        match &self.away {
            None => Allowance::Open,
            Some(away) if away.until <= now => Allowance::Probe,
            Some(away) => Allowance::Closed(away.until),
        }
    }

    /// Who waits at `now`, besides everybody.
    pub(super) fn paused(&mut self, now: Timestamp) -> Vec<(OwnedUserId, EndpointClass)> {
        self.limited.retain(|_, until| *until > now);
        let accounts = self
            .accounts
            .iter()
            .filter(|(_, account)| account.until > now);
        let classes = accounts.flat_map(|(user, _)| CLASSES.map(|class| (user.clone(), class)));
        self.limited.keys().cloned().chain(classes).collect()
    }

    /// Whether `user` has to wait at `now` before a request of that class.
    pub(super) fn is_paused(
        &self,
        user: &OwnedUserId,
        class: EndpointClass,
        now: Timestamp,
    ) -> bool {
        let limited = self
            .limited
            .get(&(user.clone(), class))
            .is_some_and(|until| *until > now);
        let account = self
            .accounts
            .get(user)
            .is_some_and(|account| account.until > now);
        limited || account || matches!(self.allowance(now), Allowance::Closed(_))
    }

    /// The earliest end of a wait.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let limited = self.limited.values().copied();
        let accounts = self.accounts.values().map(|account| account.until);
        let away = self.away.iter().map(|away| away.until);
        limited
            .chain(accounts)
            .chain(away)
            .filter(|until| *until > now)
            .min()
    }

    /// The homeserver asked `user` to wait. Refusals of requests that were already on
    /// their way belong to the same wait.
    pub(super) fn limit(&mut self, user: OwnedUserId, class: EndpointClass, until: Timestamp) {
        let known = self.limited.entry((user, class)).or_insert(until);
        *known = until.max(*known);
    }

    /// The account cannot be used; it is tried again at `until`.
    pub(super) fn trouble(&mut self, user: OwnedUserId, until: Timestamp) {
        self.accounts.insert(user, Account { until });
    }

    /// The homeserver is away. `delay` says how long to wait after so many failures in
    /// a row; failures of requests that were already on their way count as one.
    pub(super) fn away(&mut self, now: Timestamp, delay: impl FnOnce(u32) -> Duration) {
        let failures = match &self.away {
            Some(away) if away.until > now => return,
            Some(away) => away.failures + 1,
            None => 1,
        };
        self.away = Some(Away {
            until: now + delay(failures),
            failures,
        });
    }

    /// A request of `user` was answered with success. Returns whether a wait ended.
    pub(super) fn success(&mut self, user: &OwnedUserId, now: Timestamp) -> bool {
        self.last_success = Some(now);
        let was_away = self.away.take().is_some();
        self.accounts.remove(user).is_some() || was_away
    }

    /// Whether anything was sent since `time`.
    pub(super) fn succeeded_since(&self, time: Timestamp) -> bool {
        self.last_success.is_some_and(|last| last > time)
    }
}

const CLASSES: [EndpointClass; 7] = [
    EndpointClass::Event,
    EndpointClass::Invite,
    EndpointClass::Join,
    EndpointClass::Profile,
    EndpointClass::Media,
    EndpointClass::Login,
    EndpointClass::Read,
];

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_limit_holds_back_its_sender_and_class_only() {
        let (bot, ghost) = (
            user_id!("@bot:x").to_owned(),
            user_id!("@ghost:x").to_owned(),
        );
        let mut pauses = Pauses::default();

        pauses.limit(bot.clone(), EndpointClass::Event, Timestamp(5_000));
        pauses.limit(bot.clone(), EndpointClass::Event, Timestamp(3_000));

        let paused = |user, class, at| pauses.is_paused(user, class, Timestamp(at));
        assert!(paused(&bot, EndpointClass::Event, 4_999));
        assert!(!paused(&bot, EndpointClass::Event, 5_000));
        assert!(!paused(&bot, EndpointClass::Join, 0));
        assert!(!paused(&ghost, EndpointClass::Event, 0));
        assert_eq!(pauses.paused(Timestamp(0)), [(bot, EndpointClass::Event)]);
        assert_eq!(pauses.paused(Timestamp(5_000)), []);
    }

    #[test]
    fn a_homeserver_that_is_away_is_probed_and_then_open() {
        let bot = user_id!("@bot:x").to_owned();
        let mut pauses = Pauses::default();
        let delay = |failures| SECOND * failures;

        pauses.away(Timestamp(0), delay);
        pauses.away(Timestamp(500), delay);
        assert_eq!(
            pauses.allowance(Timestamp(500)),
            Allowance::Closed(Timestamp(1_000))
        );
        assert_eq!(pauses.allowance(Timestamp(1_000)), Allowance::Probe);

        pauses.away(Timestamp(1_000), delay);
        assert_eq!(
            pauses.allowance(Timestamp(1_000)),
            Allowance::Closed(Timestamp(3_000))
        );

        assert!(pauses.success(&bot, Timestamp(3_000)));
        assert_eq!(pauses.allowance(Timestamp(3_000)), Allowance::Open);
        assert!(!pauses.success(&bot, Timestamp(3_001)));
    }

    #[test]
    fn a_troubled_account_waits_in_every_class() {
        let bot = user_id!("@bot:x").to_owned();
        let mut pauses = Pauses::default();

        pauses.trouble(bot.clone(), Timestamp(10));

        assert!(pauses.is_paused(&bot, EndpointClass::Media, Timestamp(9)));
        assert_eq!(pauses.paused(Timestamp(9)).len(), CLASSES.len());
        assert_eq!(pauses.next_end(Timestamp(9)), Some(Timestamp(10)));
        assert!(!pauses.is_paused(&bot, EndpointClass::Media, Timestamp(10)));
    }
}
