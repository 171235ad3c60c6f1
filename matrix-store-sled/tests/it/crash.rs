//! What was reported is there, in full, however the process ended.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use matrix_bridge_core::{Batch, ListState, StateStore as _, ValueChange, ValueKey};
use matrix_bridge_store_sled::SledStore;
use tokio::task::JoinSet;

use crate::{
    child::{self, Process},
    sample::{account, batch, event, folder, keys, row},
};

const ROUNDS: u64 = 20;
const TASKS: u64 = 3;
const SEED: u64 = 0x5eed_0001;

/// A batch with something in several tables.
fn numbered(n: u64) -> Batch {
    Batch {
        marks: vec![event(&format!("{n} a")), event(&format!("{n} b"))],
        rows: vec![
            row(&format!("{n} a"), "one", "text"),
            row(&format!("{n} b"), "two", &"long ".repeat(1_000)),
        ],
        values: vec![ValueChange {
            key: ValueKey::new("batch", n.to_string()),
            value: Some(n.to_string().into()),
        }],
        ..batch()
    }
}

/// Not a test of its own: the process that is killed.
#[tokio::test]
async fn child_that_commits_until_it_is_killed() {
    let Some(path) = child::path() else { return };
    let store = Arc::new(SledStore::open(path).unwrap());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            // It ends even if nobody kills it.
            for round in 0..1_000 {
                let n = child::first() + round * TASKS + task;
                let _applied = store.commit(numbered(n)).await.unwrap();
                child::say(&n.to_string());
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn what_was_reported_survives_a_kill_and_nothing_is_half_there() {
    let (_folder, path) = folder();
    let mut reported = BTreeSet::new();
    let mut random = SEED;
    for round in 0..ROUNDS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let first = round * 10_000;
        let name = "crash::child_that_commits_until_it_is_killed";
        let mut process = Process::start(name, &path, first, "true");
        let mut heard = Vec::new();
        for _ in 0..=(random >> 33) % 12 {
            heard.push(process.hear().unwrap());
        }
        heard.extend(process.kill());
        reported.extend(heard.iter().map(|n| n.parse::<u64>().unwrap()));

        assert_whole(&path, &reported).await;
    }
    assert!(reported.len() as u64 > ROUNDS);
}

/// Everything that was reported is there, and nothing only in part.
async fn assert_whole(path: &Path, reported: &BTreeSet<u64>) {
    let store = SledStore::open(path).unwrap();
    let rows: BTreeSet<_> = keys(&store, ListState::Waiting).await.into_iter().collect();
    let written = rows.iter().filter_map(|key| key.split(' ').next());
    let written: BTreeSet<u64> = written.map(|n| n.parse().unwrap()).collect();

    assert!(
        reported.is_subset(&written),
        "seed {SEED:#x}: a commit was lost"
    );
    assert_eq!(
        rows.len(),
        written.len() * 2,
        "seed {SEED:#x}: half a batch"
    );
    for n in written {
        let expected = numbered(n);
        let seen = store.seen(&account(), &expected.marks).await.unwrap();
        assert_eq!(seen, [true, true], "seed {SEED:#x}: marks of {n}");
        let change = &expected.values[0];
        let values = store.values(std::slice::from_ref(&change.key)).await;
        assert_eq!(values.unwrap(), std::slice::from_ref(&change.value));
    }
    let none = store.seen(&account(), &numbered(u64::MAX).marks).await;
    assert_eq!(none.unwrap(), [false, false]);
}
