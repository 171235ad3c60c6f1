//! The suite is tried on stores that are wrong on purpose.

use std::{panic, sync::Once, thread};

use matrix_bridge_testkit::{
    broken::{BROKEN, BROKEN_COPIES, Broken, BrokenCopy},
    conformance::{
        CASES,
        contents::{COPY_CASES, failing_copy_cases},
        failing_cases,
    },
};

#[test]
fn every_broken_store_fails_a_case() {
    let judged = judge_all();

    let judged = judged
        .iter()
        .map(|(broken, failing)| (broken.name, failing));
    let missed: Vec<_> = judged.filter_map(|one| missed(one, CASES.len())).collect();
    assert_eq!(missed, [""; 0], "no case finds what is wrong");
}

#[test]
fn every_broken_copy_fails_a_case() {
    silence_judges();
    let judge = thread::Builder::new().name(JUDGE.to_owned());
    let judge = judge.spawn(|| {
        let runtime = runtime();
        let judge = |broken: &BrokenCopy| {
            let failing = failing_copy_cases(|| broken.factory());
            (broken.name, runtime.block_on(failing))
        };
        BROKEN_COPIES.iter().map(judge).collect::<Vec<_>>()
    });
    let judge = judge.expect("a thread starts");
    let judged = judge.join().expect("cases run in tasks");

    let judged = judged.iter().map(|(name, failing)| (*name, failing));
    let missed: Vec<_> = judged
        .filter_map(|one| missed(one, COPY_CASES.len()))
        .collect();
    assert_eq!(missed, [""; 0], "no case finds what is wrong");
}

/// Tells the cases that fail; the name of what fails none.
fn missed(
    (name, failing): (&'static str, &Vec<&'static str>),
    cases: usize,
) -> Option<&'static str> {
    eprintln!("{name}: {} of {cases} cases", failing.len());
    for case in failing {
        eprintln!("    {case}");
    }
    failing.is_empty().then_some(name)
}

/// Each broken store with the cases that it fails.
fn judge_all() -> Vec<(Broken, Vec<&'static str>)> {
    silence_judges();
    let (first, second) = BROKEN.split_at(BROKEN.len() / 2);
    let judges = [first, second].map(|broken| {
        let judge = thread::Builder::new().name(JUDGE.to_owned());
        judge.spawn(|| judge_some(broken)).expect("a thread starts")
    });
    let judged = judges.map(|judge| judge.join().expect("cases run in tasks"));
    judged.concat()
}

fn judge_some(broken: &[Broken]) -> Vec<(Broken, Vec<&'static str>)> {
    let runtime = runtime();
    let judge = |broken: &Broken| {
        let failing = failing_cases(|| broken.factory());
        (*broken, runtime.block_on(failing))
    };
    broken.iter().map(judge).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime starts")
}

const JUDGE: &str = "judge of broken stores";

/// Keeps panics of judging threads quiet: there, a panic is the wanted result.
fn silence_judges() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(JUDGE) {
                report(panic);
            }
        }));
    });
}
