//! Random calls, compared with the simplest thing that could be right.

mod model;
mod run;
mod seeded;

use self::run::Run;
use super::StoreFactory;

const SEEDS: u64 = 20;
const STEPS: usize = 200;

/// Whatever the order of calls, store and model tell the same. The seed and the step of
/// the first difference are in the panic's message.
pub async fn a_random_run_agrees_with_the_model(factory: &dyn StoreFactory) {
    for seed in 0..SEEDS {
        let mut run = Run::new(factory, seed).await;
        for step in 0..STEPS {
            run = run.step(factory, step).await;
        }
    }
}
