//! What is done in a round, and when: drawn from its seed.

use std::time::Duration;

use fastrand::Rng;

/// How one run of the bot ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// SIGKILL.
    Kill { after: Duration },
    /// SIGKILL, and again while it recovers, which takes less than a second.
    KillTwice { after: Duration, again: Duration },
    /// SIGTERM, and waiting for the end.
    Stop { after: Duration },
    /// SIGSTOP, SIGCONT later, and SIGKILL soon after that.
    Pause {
        after: Duration,
        span: Duration,
        then: Duration,
    },
    /// SIGKILL of the homeserver, which is started again; the bot goes on.
    KillHomeserver { after: Duration },
}

impl Step {
    fn draw(random: &mut Rng) -> Self {
        let after = millis(random, 20..2_000);
        match random.u8(..20) {
            0..11 => Self::Kill { after },
            11..14 => Self::KillTwice {
                after,
                again: millis(random, 1..600),
            },
            14..17 => Self::Stop { after },
            _ => Self::Pause {
                after,
                span: millis(random, 100..1_500),
                then: millis(random, 1..500),
            },
        }
    }
}

/// The steps of a round. Where the homeserver is mortal, it dies once, and the bot before it or not at all.
pub(crate) fn draw(random: &mut Rng, is_mortal: bool) -> Vec<Step> {
    if !is_mortal {
        return (0..random.usize(1..=3))
            .map(|_| Step::draw(random))
            .collect();
    }
    let before = random.bool().then(|| Step::draw(random));
    let after = millis(random, 20..2_000);
    before
        .into_iter()
        .chain([Step::KillHomeserver { after }])
        .collect()
}

fn millis(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let plans = [7, 7, 8].map(|seed| {
            let random = &mut Rng::with_seed(seed);
            [draw(random, false), draw(random, true), draw(random, false)].concat()
        });

        assert_eq!(plans[0], plans[1]);
        assert_ne!(plans[0], plans[2]);
    }

    #[test]
    fn a_mortal_homeserver_dies_once_in_each_round() {
        for seed in 0..50 {
            let plan = draw(&mut Rng::with_seed(seed), true);

            let deaths = plan
                .iter()
                .filter(|step| matches!(step, Step::KillHomeserver { .. }));
            assert_eq!(deaths.count(), 1);
        }
    }
}
