//! Some days, each small; `cargo xtask sim` lives many.

#![cfg(test)]

use simulation::{Scale, live};

/// Small days: with the first of them one whose store is a file.
fn small(count: usize) -> Vec<u64> {
    let is_small = |seed: &u64| Scale::of(*seed).messages < 130;
    let file = (1..).find(|seed| is_small(seed) && Scale::of(*seed).is_sqlite);
    let memory = (1..).filter(|seed| is_small(seed) && !Scale::of(*seed).is_sqlite);
    file.into_iter().chain(memory).take(count).collect()
}

#[test]
fn whatever_goes_wrong_every_question_has_its_one_answer() {
    for seed in small(3) {
        let report = live(seed, false);

        assert_eq!(report.objections, Vec::<String>::new(), "seed {seed}");
        assert!(report.totals.questions > 20, "seed {seed}");
        assert!(report.totals.faults > 40, "seed {seed}");
        assert!(report.totals.restarts > 5, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_day() {
    for seed in small(2) {
        let [one, other] = [live(seed, true), live(seed, true)];

        assert!(
            one.trace
                .as_ref()
                .is_some_and(|trace| trace.lines().count() > 1_000)
        );
        assert!(one.trace == other.trace, "seed {seed}");
    }
}
