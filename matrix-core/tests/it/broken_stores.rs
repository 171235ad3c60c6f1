//! The suite is tried on stores that are wrong on purpose.

use std::{panic, sync::Once, thread};

use matrix_bridge_testkit::{
    broken::{BROKEN, Broken},
    conformance::{CASES, failing_cases},
};

#[test]
fn every_broken_store_fails_a_case() {
    let judged = judge_all();

    for (broken, failing) in &judged {
        eprintln!("{broken:?}: {} of {} cases", failing.len(), CASES.len());
        for case in failing {
            eprintln!("    {case}");
        }
    }
    let missed = judged.iter().filter(|(_, failing)| failing.is_empty());
    let missed: Vec<_> = missed.map(|(broken, _)| broken.name).collect();
    assert_eq!(missed, [""; 0], "no case finds what is wrong");
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let judge = |broken: &Broken| {
        let failing = failing_cases(|| broken.factory());
        (*broken, runtime.block_on(failing))
    };
    broken.iter().map(judge).collect()
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
