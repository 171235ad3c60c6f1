//! Every target reads its corpus, and inputs made from it, in a process of its own.
//!
//! A finding is printed with its input; an input that ends the process is left in the
//! file that the failure names. Put it into `corpus/TARGET` under a telling name.

#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use matrix_bridge_fuzz::Target;
use tokio::process::Command;

/// Much longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(600);
/// The same inputs in every run; `cargo xtask fuzz` tries others.
const SEED: u64 = 1;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Runs the target on its corpus and `fresh` inputs that are made from it.
async fn replay(name: &str, fresh: usize) {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_matrix-bridge-fuzz"));
    command.arg(name).arg(corpus().join(name)).arg(scratch);
    command.args([fresh.to_string(), SEED.to_string()]);
    let output = command.kill_on_drop(true).output();

    let output = tokio::time::timeout(LIMIT, output).await;

    let input = scratch.join(name);
    let output = output.unwrap_or_else(|_| panic!("no end on {}", input.display()));
    let output = output.unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let said = [out, err].map(|text| String::from_utf8_lossy(&text).into_owned());
    let said = said.concat();
    let (status, input) = (output.status, input.display());
    assert!(status.success(), "{status} on {input}: {said}");
    let read = format!(" of the corpus, {fresh} fresh");
    assert!(said.contains(&read) && !said.starts_with("0 "), "{said}");
}

macro_rules! replayed {
    ($($name:ident: $fresh:expr,)*) => {
        $(#[tokio::test]
        async fn $name() {
            replay(stringify!($name), $fresh).await;
        })*

        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replayed! {
    answer: 1_000,
    command: 500,
    configuration: 1_000,
    engine: 100,
    event: 4_000,
    messages: 1_500,
    raw_json: 4_000,
    row_body: 4_000,
    store_file: 100,
    store_value: 100,
    sync_body: 1_500,
    sync_event: 1_000,
}

#[test]
fn every_target_is_replayed_and_has_a_corpus() {
    let names: BTreeSet<_> = Target::ALL
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    let folders = fs::read_dir(corpus()).unwrap();
    let folders = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());

    assert_eq!(folders.collect::<BTreeSet<_>>(), names);
    assert_eq!(
        REPLAYED
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>(),
        names
    );
}
