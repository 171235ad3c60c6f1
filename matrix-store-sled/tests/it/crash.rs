//! What was reported is there, in full, however the process ended.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use bytes::Bytes;
use matrix_bridge_core::{
    Batch, Claim, ListState, OutboundQueue as _, OutcomeCursor, PruneLimits, Settlement,
    StateStore as _, Timestamp, ValueChange, ValueKey, Verdict,
};
use matrix_bridge_store_sled::SledStore;
use tokio::task::JoinSet;

use crate::{
    child::{self, Process},
    sample::{account, batch, claim_at, enqueue, event, folder, keys, row},
};

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

/// How many values are in a batch that goes over several segments of the log.
const LARGE: u64 = 3_000;
/// With how many digits they begin.
const DIGITS: usize = 10;

/// A batch that sets many values to `n`. Nearly all of its time it is being written.
fn large(n: u64) -> Batch {
    let change = |of: u64| ValueChange {
        key: ValueKey::new("large", of.to_string()),
        value: value(n),
    };
    Batch {
        values: (0..LARGE).map(change).collect(),
        ..batch()
    }
}

fn value(n: u64) -> Option<Bytes> {
    Some(format!("{n:0DIGITS$}").repeat(150).into())
}

/// Kills the child `name` again and again, after `most` lines and `longest` milliseconds
/// at most, and calls `check` with what it had reported after each time.
async fn kill(
    name: &str,
    rounds: u64,
    (most, longest): (u64, u64),
    check: impl AsyncFn(&Path, &BTreeSet<u64>),
) {
    let (_folder, path) = folder();
    let mut reported = BTreeSet::new();
    let mut random = SEED;
    for round in 0..rounds {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut process = Process::start(name, &path, round * 10_000, "true");
        let mut heard = Vec::new();
        for _ in 0..=(random >> 33) % most {
            heard.push(process.hear().unwrap());
        }
        let wait = std::time::Duration::from_micros((random >> 20) % (longest * 1_000));
        tokio::time::sleep(wait).await;
        heard.extend(process.kill());
        reported.extend(heard.iter().filter_map(|n| n.parse::<u64>().ok()));

        check(&path, &reported).await;
    }
    assert!(reported.len() as u64 >= rounds / 2);
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
    let name = "crash::child_that_commits_until_it_is_killed";
    kill(name, 20, (12, 20), assert_whole).await;
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

/// Not a test of its own: the process that is killed.
#[tokio::test]
async fn child_that_commits_large_batches() {
    let Some(path) = child::path() else { return };
    let store = SledStore::open(path).unwrap();
    for n in child::first().. {
        let batch = large(n);
        child::say("now");
        let _applied = store.commit(batch).await.unwrap();
        child::say(&n.to_string());
    }
}

#[tokio::test]
async fn a_large_batch_is_there_in_full_or_not_at_all() {
    let name = "crash::child_that_commits_large_batches";
    kill(name, 20, (4, 300), async |path, reported| {
        let store = SledStore::open(path).unwrap();
        let keys: Vec<_> = large(0).values.into_iter().map(|it| it.key).collect();
        let values: BTreeSet<_> = store.values(&keys).await.unwrap().into_iter().collect();

        assert_eq!(values.len(), 1, "values of two batches");
        let Some(last) = reported.last() else { return };
        // A later one may be there, though nobody heard of it.
        let found = values.first().and_then(Option::as_ref).unwrap();
        let found = std::str::from_utf8(&found[..DIGITS]).unwrap();
        assert!(found.parse::<u64>().unwrap() >= *last, "{last} was lost");
    })
    .await;
}

/// Not a test of its own: the process that is killed.
#[tokio::test]
async fn child_that_sends_and_forgets() {
    let Some(path) = child::path() else { return };
    let store = SledStore::open(path).unwrap();
    for n in child::first().. {
        let rows = (0..20).map(|of| row(&format!("{n} {of}"), &format!("lane {}", of % 5), "text"));
        enqueue(&store, rows.collect()).await.unwrap();
        let claims = store.claim(claim_at(10)).await.unwrap();
        let settlements = claims.iter().flat_map(sent).collect();
        store.settle(settlements).await.unwrap();
        let limits = PruneLimits {
            marks_before: Timestamp(0),
            marks_max: 10,
            records_before: Timestamp(0),
            records_max: 50,
            parked_events_max: 10,
            parked_rows_max: 10,
        };
        store.prune(limits).await.unwrap();
        child::say(&n.to_string());
    }
}

fn sent(claim: &Claim) -> Vec<Settlement> {
    let one = |row: &matrix_bridge_core::Row| Settlement {
        row: row.id,
        token: claim.token,
        verdict: Verdict::Sent(Some(event(&row.id.0.to_string()))),
        at: Timestamp(20),
    };
    claim.rows.iter().map(one).collect()
}

/// Each call is whole: what the one table says fits what the others say.
#[tokio::test]
async fn rows_outcomes_and_counts_agree_after_every_kill() {
    let name = "crash::child_that_sends_and_forgets";
    kill(name, 10, (8, 60), async |path, _| {
        let store = SledStore::open(path).unwrap();
        let depth = store.depth().await.unwrap();
        let waiting = store.list(ListState::Waiting, None, 1_000).await.unwrap();
        let sent = store.list(ListState::Sent, None, 1_000).await.unwrap();
        let outcomes = store.outcomes(OutcomeCursor(0), 1_000).await.unwrap();

        assert_eq!(depth.waiting, waiting.len() as u64);
        assert_eq!(sent.len(), outcomes.len());
        let told: BTreeSet<_> = outcomes.into_iter().map(|outcome| outcome.key).collect();
        assert!(waiting.iter().all(|row| !told.contains(&row.key)));
        // After a crash all claims have ended: what waits can be claimed, lane by lane.
        let mut left = waiting.len();
        while left > 0 {
            let claims = store.claim(claim_at(100)).await.unwrap();
            assert!(!claims.is_empty(), "{left} rows are in no lane");
            let settlements: Vec<_> = claims.iter().flat_map(self::sent).collect();
            left -= settlements.len();
            store.settle(settlements).await.unwrap();
        }
        assert_eq!(store.next_due().await.unwrap(), None);
    })
    .await;
}
