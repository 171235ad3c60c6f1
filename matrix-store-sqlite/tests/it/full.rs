//! No space left.

use matrix_bridge_core::{
    Batch, ListState, OutboundQueue as _, RowId, StateStore as _, StoreError, StoreErrorKind,
};
use matrix_bridge_store_sqlite::{SqliteConfig, SqliteStore};

use crate::{
    child::{self, Process},
    sample::{batch, enqueue, event, folder, keys, parked, row},
};

/// Commits until there is no space; returns how many went through, and the failure.
async fn fill(store: &SqliteStore) -> (u32, StoreError) {
    let text = "x".repeat(2_000);
    for n in 0..10_000 {
        let rows = vec![
            parked(row(&format!("{n} a"), "lane", &text)),
            parked(row(&format!("{n} b"), "lane", &text)),
        ];
        let marks = vec![event(&n.to_string())];
        let filling = Batch {
            rows,
            marks,
            ..batch()
        };
        if let Err(error) = store.commit(filling).await {
            return (n, error);
        }
    }
    panic!("the disk never was full");
}

/// Every batch before the one that failed is there in full, and nothing of that one.
async fn assert_whole(store: &SqliteStore, batches: u32) {
    let expected: Vec<_> = (0..batches)
        .flat_map(|n| [format!("{n} a"), format!("{n} b")])
        .collect();
    assert_eq!(keys(store, ListState::Parked).await, expected);
    let events: Vec<_> = (0..=batches).map(|n| event(&n.to_string())).collect();
    let seen = store
        .seen(&crate::sample::account(), &events)
        .await
        .unwrap();
    let marked = seen.iter().filter(|seen| **seen).count();
    assert_eq!(marked, batches as usize);
    assert!(!seen[batches as usize]);
}

#[tokio::test]
async fn a_full_disk_fails_the_batch_and_nothing_else() {
    let (_folder, path) = folder();
    let store = SqliteConfig::new(&path)
        .max_pages(100)
        .open_engine()
        .unwrap();

    let (batches, error) = fill(&store).await;

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(batches > 10);
    assert_whole(&store, batches).await;
    drop(store);
    assert_whole(&SqliteStore::open(&path).unwrap(), batches).await;
}

#[tokio::test]
async fn a_store_that_was_full_works_again_after_room_was_made() {
    let (_folder, path) = folder();
    let store = SqliteConfig::new(&path)
        .max_pages(100)
        .open_engine()
        .unwrap();
    fill(&store).await;
    let rows = store.list(ListState::Parked, None, 1_000).await.unwrap();
    let ids: Vec<RowId> = rows.iter().map(|row| row.id).collect();
    assert_eq!(store.discard(&ids).await.unwrap(), ids.len() as u64);

    enqueue(&store, vec![row("new", "lane", "text")])
        .await
        .unwrap();

    assert_eq!(keys(&store, ListState::Waiting).await, ["new"]);
}

/// Not a test of its own: the other process of the one below.
#[tokio::test]
async fn child_with_a_limit() {
    let Some(path) = child::path() else { return };
    let store = SqliteStore::open(path).unwrap();
    let (batches, error) = fill(&store).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert_whole(&store, batches).await;
    child::say(&batches.to_string());
}

/// The system refuses to write in the middle of a commit, not SQLite before it.
#[tokio::test]
async fn a_commit_that_the_system_cuts_off_leaves_nothing_behind() {
    let (_folder, path) = folder();
    let limit = "trap '' XFSZ; ulimit -f 4000";
    let mut process = Process::start("full::child_with_a_limit", &path, 0, limit);
    let batches: u32 = process.hear().unwrap().parse().unwrap();
    process.finish();

    let store = SqliteStore::open(&path).unwrap();

    assert!(batches > 10);
    assert_whole(&store, batches).await;
    enqueue(&store, vec![row("new", "lane", "text")])
        .await
        .unwrap();
}
