//! Random calls, compared with the simplest thing that could be right.

mod compare;
mod draw;
mod model;
mod rows;
mod run;
mod seeded;

use std::thread;

use self::run::Run;
use super::StoreFactory;

const SEEDS: u64 = 20;
const STEPS: usize = 200;

/// Whatever the order of calls, store and model tell the same. The seed and the step of
/// the first difference are told; the same seed makes the same calls again.
pub async fn a_random_run_agrees_with_the_model(factory: &dyn StoreFactory) {
    for seed in 0..SEEDS {
        let mut run = Run::new(factory, seed).await;
        for step in 0..STEPS {
            let _place = Place { seed, step };
            run = run.step(factory, step).await;
        }
    }
}

/// Tells where a run was when the store itself failed: such a panic does not know.
struct Place {
    seed: u64,
    step: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the run of seed {} failed in step {}", self.seed, self.step);
        }
    }
}
