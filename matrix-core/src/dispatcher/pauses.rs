//! Who has to wait, and for how long: pure, with the time as an argument.

use std::{collections::BTreeMap, time::Duration};

use ruma::OwnedUserId;

use crate::{EndpointClass, Timestamp, time::Moment};

/// The waits of one dispatcher.
///
/// Troubles of an account hang on the sender, and a homeserver that is away on all; for
/// limits see [`Paces`](super::paces::Paces).
#[derive(Debug, Default)]
pub(super) struct Pauses {
    accounts: BTreeMap<OwnedUserId, Account>,
    away: Option<Away>,
    /// How often accounts were said to work again.
    resumes: u64,
    last_success: Option<Timestamp>,
}

#[derive(Debug)]
struct Away {
    until: Moment,
    failures: u32,
}

#[derive(Debug)]
struct Account {
    until: Moment,
}

/// How much may be sent now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Allowance {
    /// As much as fits.
    Open,
    /// One lane, to find out whether the homeserver is back.
    Probe,
    /// Nothing before that time.
    Closed(Moment),
}

impl Pauses {
    /// How much may be sent at `now`.
    pub(super) fn allowance(&self, now: Moment) -> Allowance {
        match &self.away {
            None => Allowance::Open,
            Some(away) if away.until <= now => Allowance::Probe,
            Some(away) => Allowance::Closed(away.until),
        }
    }

    /// Who waits at `now`, besides everybody.
    pub(super) fn paused(&self, now: Moment) -> Vec<(OwnedUserId, EndpointClass)> {
        let accounts = self
            .accounts
            .iter()
            .filter(|(_, account)| account.until > now);
        accounts
            .flat_map(|(user, _)| CLASSES.map(|class| (user.clone(), class)))
            .collect()
    }

    /// Whether `user` may make a request at `now`.
    ///
    /// A troubled account may make one, to find out how it is; everything else of it
    /// waits for the answer, or until `retry`.
    pub(super) fn enter(&mut self, user: &OwnedUserId, now: Moment, retry: Moment) -> bool {
        if matches!(self.allowance(now), Allowance::Closed(_)) {
            return false;
        }
        match self.accounts.get_mut(user) {
            Some(account) if account.until > now => false,
            Some(account) => {
                account.until = retry;
                true
            }
            None => true,
        }
    }

    /// The earliest end of a wait.
    pub(super) fn next_end(&self, now: Moment) -> Option<Moment> {
        let accounts = self.accounts.values().map(|account| account.until);
        let away = self.away.iter().map(|away| away.until);
        accounts.chain(away).filter(|until| *until > now).min()
    }

    /// The account cannot be used; it is tried again at `until`. Not if it was resumed
    /// since the attempt began, when it had been so `resumes` times: returns whether it
    /// waits.
    pub(super) fn trouble(&mut self, user: OwnedUserId, until: Moment, resumes: u64) -> bool {
        let counts = resumes == self.resumes;
        if counts {
            self.accounts.insert(user, Account { until });
        }
        counts
    }

    /// Accounts may work again: the waits of those that are troubled are over.
    pub(super) fn resume(&mut self) {
        self.resumes += 1;
        for account in self.accounts.values_mut() {
            account.until = Moment(0);
        }
    }

    /// How often accounts were said to work again.
    pub(super) fn resumes(&self) -> u64 {
        self.resumes
    }

    /// The homeserver is away. `delay` says how long to wait after so many failures in
    /// a row; failures of requests that were already on their way count as one.
    pub(super) fn away(&mut self, now: Moment, delay: impl FnOnce(u32) -> Duration) {
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
        self.let_in(user) || was_away
    }

    /// The homeserver took a request as one of `user`'s, whatever it said to it. Returns
    /// whether the account had been in trouble.
    pub(super) fn let_in(&mut self, user: &OwnedUserId) -> bool {
        self.accounts.remove(user).is_some()
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
    fn a_homeserver_that_is_away_is_probed_and_then_open() {
        let bot = user_id!("@bot:x").to_owned();
        let mut pauses = Pauses::default();
        let delay = |failures| SECOND * failures;

        pauses.away(Moment(0), delay);
        pauses.away(Moment(500), delay);
        assert_eq!(
            pauses.allowance(Moment(500)),
            Allowance::Closed(Moment(1_000))
        );
        assert_eq!(pauses.allowance(Moment(1_000)), Allowance::Probe);

        pauses.away(Moment(1_000), delay);
        assert_eq!(
            pauses.allowance(Moment(1_000)),
            Allowance::Closed(Moment(3_000))
        );

        assert!(pauses.success(&bot, Timestamp(3_000)));
        assert_eq!(pauses.allowance(Moment(3_000)), Allowance::Open);
        assert!(!pauses.success(&bot, Timestamp(3_001)));
    }

    #[test]
    fn a_troubled_account_waits_in_every_class_and_is_tried_once_at_a_time() {
        let bot = user_id!("@bot:x").to_owned();
        let mut pauses = Pauses::default();

        assert!(pauses.trouble(bot.clone(), Moment(10), 0));

        assert!(!enter(&mut pauses, &bot, 9));
        assert_eq!(pauses.paused(Moment(9)).len(), CLASSES.len());
        assert_eq!(pauses.next_end(Moment(9)), Some(Moment(10)));
        assert!(enter(&mut pauses, &bot, 10));
        assert!(!enter(&mut pauses, &bot, 10));
        assert!(pauses.success(&bot, Timestamp(11)));
        assert!(enter(&mut pauses, &bot, 11));
    }

    #[test]
    fn a_resumed_account_is_tried_now_and_late_refusals_do_not_count() {
        let bot = user_id!("@bot:x").to_owned();
        let mut pauses = Pauses::default();
        assert!(pauses.trouble(bot.clone(), Moment(10), pauses.resumes()));
        let before = pauses.resumes();

        pauses.resume();

        assert_eq!(pauses.paused(Moment(1)), []);
        assert!(!pauses.trouble(bot.clone(), Moment(20), before));
        assert!(enter(&mut pauses, &bot, 1));
        assert!(!enter(&mut pauses, &bot, 1));
        assert!(pauses.success(&bot, Timestamp(2)));
    }

    fn enter(pauses: &mut Pauses, user: &OwnedUserId, at: u64) -> bool {
        pauses.enter(user, Moment(at), Moment(at) + 30 * SECOND)
    }
}
