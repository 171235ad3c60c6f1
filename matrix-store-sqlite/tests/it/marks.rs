//! Marks are many: they are kept small, and come back exactly.

use std::fs;

use matrix_bridge_core::{Batch, PruneLimits, StateStore as _, Timestamp};
use matrix_bridge_store_sqlite::SqliteStore;

use crate::sample::{account, batch, event, folder};

const fn limits() -> PruneLimits {
    PruneLimits {
        marks_before: Timestamp(0),
        marks_max: u64::MAX,
        records_before: Timestamp(0),
        records_max: u64::MAX,
        parked_events_max: u64::MAX,
        parked_rows_max: u64::MAX,
    }
}

/// Marks one event at each of these times, each in a commit of its own.
async fn mark(store: &SqliteStore, times: impl IntoIterator<Item = u64>) {
    for now in times {
        let marking = Batch {
            now: Timestamp(now),
            marks: vec![event(&now.to_string())],
            ..batch()
        };
        let _applied = store.commit(marking).await.unwrap();
    }
}

/// Which of these times have a mark.
async fn marked(store: &SqliteStore, times: impl Iterator<Item = u64>) -> Vec<u64> {
    let times: Vec<_> = times.collect();
    let events: Vec<_> = times.iter().map(|now| event(&now.to_string())).collect();
    let seen = store.seen(&account(), &events).await.unwrap();
    let times = times.into_iter().zip(seen);
    times
        .filter(|(_, seen)| *seen)
        .map(|(now, _)| now)
        .collect()
}

#[tokio::test]
async fn pruned_by_age_or_count_exactly_the_oldest_go_also_after_a_restart() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    mark(&store, 0..500).await;
    let by_age = PruneLimits {
        marks_before: Timestamp(123),
        ..limits()
    };
    assert_eq!(store.prune(by_age).await.unwrap().marks, 123);
    mark(&store, 500..510).await;
    let by_count = PruneLimits {
        marks_max: 300,
        ..limits()
    };
    assert_eq!(store.prune(by_count).await.unwrap().marks, 87);

    let expected: Vec<u64> = (210..510).collect();
    assert_eq!(marked(&store, 0..600).await, expected);
    store.close().await.unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(marked(&store, 0..600).await, expected);
}

#[tokio::test]
async fn a_clock_that_jumps_leaves_every_mark_its_time() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    // Back and forth, and further than the age within a segment reaches.
    let far = u64::from(u32::MAX) * 3;
    mark(&store, [1_000, 10, 2_000, far, 20, far + 1]).await;
    store.close().await.unwrap();
    let store = SqliteStore::open(&path).unwrap();

    let before = PruneLimits {
        marks_before: Timestamp(1_500),
        ..limits()
    };
    assert_eq!(store.prune(before).await.unwrap().marks, 3);

    let all = [1_000, 10, 2_000, far, 20, far + 1].into_iter();
    assert_eq!(marked(&store, all).await, [2_000, far, far + 1]);
}

#[tokio::test]
async fn a_mark_takes_little_more_than_twenty_bytes_however_it_came() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.close().await.unwrap();
    let empty = fs::metadata(&path).unwrap().len();
    let store = SqliteStore::open(&path).unwrap();
    mark(&store, 0..1_000).await;
    let marks = (0..49_000).map(|n| event(&format!("many {n}")));
    let marking = Batch {
        now: Timestamp(1_000),
        marks: marks.collect(),
        ..batch()
    };
    let _applied = store.commit(marking).await.unwrap();
    store.close().await.unwrap();

    let grown = fs::metadata(&path).unwrap().len() - empty;

    assert!(grown < 50_000 * 22, "{grown} bytes");
}

#[tokio::test]
async fn pruning_gives_space_back_to_the_disk() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let marks = (0..50_000).map(|n| event(&format!("many {n}")));
    let marking = Batch {
        marks: marks.collect(),
        ..batch()
    };
    let _applied = store.commit(marking).await.unwrap();
    store.close().await.unwrap();
    let full = fs::metadata(&path).unwrap().len();
    let store = SqliteStore::open(&path).unwrap();

    let none = PruneLimits {
        marks_max: 0,
        ..limits()
    };
    assert_eq!(store.prune(none).await.unwrap().marks, 50_000);
    store.close().await.unwrap();

    let left = fs::metadata(&path).unwrap().len();
    assert!(left < full / 4, "{left} of {full} bytes");
}
