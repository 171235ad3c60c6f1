//! Under libFuzzer, which chooses inputs by the code they reach.
//!
//! `FUZZ_TARGET` names the target, `FUZZ_CORPUS` its committed corpus and `FUZZ_SCRATCH`
//! the folder for the input that is run.

use std::{env, path::PathBuf, process, sync::LazyLock};

use fastrand::Rng;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use matrix_bridge_fuzz::{Judge, Scratch, Target, corpus, mutate};

static SETUP: LazyLock<Setup> = LazyLock::new(setup);

struct Setup {
    judge: Judge,
    corpus: Vec<(String, Vec<u8>)>,
}

fuzz_target!(|input: &[u8]| {
    if let Some(finding) = SETUP.judge.judge(input) {
        eprintln!("finding: {finding}");
        // libFuzzer keeps the input.
        process::abort();
    }
});

// Half of the changes are ours, which know odd but legal JSON; half are libFuzzer's.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut rng = Rng::with_seed(u64::from(seed));
    if rng.bool() {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut input = data.get(..size).unwrap_or_default().to_vec();
    let other = rng
        .choice(&SETUP.corpus)
        .map_or(&[][..], |(_, other)| other);
    let grammar = SETUP.judge.target().grammar;
    mutate(&mut input, other, grammar, max_size, &mut rng);
    let size = input.len().min(max_size);
    if let (Some(to), Some(from)) = (data.get_mut(..size), input.get(..size)) {
        to.copy_from_slice(from);
    }
    size
});

fn setup() -> Setup {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let name = variable("FUZZ_TARGET");
    let target = Target::named(&name).unwrap_or_else(|| panic!("no target is called {name}"));
    let corpus = corpus(&PathBuf::from(variable("FUZZ_CORPUS"))).expect("the corpus is read");
    let scratch = Scratch::new(&PathBuf::from(variable("FUZZ_SCRATCH")), &name);
    let scratch = scratch.expect("a file can be made");
    let judge = Judge::new(target, scratch).expect("the stack can be limited");
    Setup { judge, corpus }
}
