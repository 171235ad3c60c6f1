//! Many callers, one wait for the disk.

use std::sync::Arc;

use matrix_bridge_core::{ListState, StateStore as _};
use matrix_bridge_store_sled::SledStore;
use tokio::task::JoinSet;

use crate::sample::{enqueue, folder, keys, row};

#[tokio::test]
async fn commits_that_come_together_share_a_batch() {
    let (_folder, path) = folder();
    let store = Arc::new(SledStore::open(&path).unwrap());
    let before = store.writer_stats();
    let mut tasks = JoinSet::new();
    for n in 0..64 {
        let store = Arc::clone(&store);
        let rows = vec![row(&n.to_string(), "lane", "text")];
        tasks.spawn(async move { enqueue(&store, rows).await.unwrap() });
    }

    tasks.join_all().await;

    let after = store.writer_stats();
    assert_eq!(after.calls - before.calls, 64);
    let batches = after.batches - before.batches;
    assert!(batches <= 16, "{batches} batches");
    assert_eq!(keys(&store, ListState::Waiting).await.len(), 64);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_commit() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    {
        let commit = enqueue(&store, vec![row("a", "lane", "text")]);
        let mut commit = std::pin::pin!(commit);
        // Polled once: the job is handed in. Then the caller loses interest.
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(commit.as_mut().poll(cx)));
        let _not_ready = first.await;
    }

    store.close().await.unwrap();

    let store = SledStore::open(&path).unwrap();
    assert_eq!(keys(&store, ListState::Waiting).await, ["a"]);
}

#[test]
fn a_store_may_be_dropped_without_a_runtime() {
    let (_folder, path) = folder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = SledStore::open(&path).unwrap();
    runtime
        .block_on(enqueue(&store, vec![row("a", "lane", "text")]))
        .unwrap();
    drop(runtime);

    drop(store);

    SledStore::open(&path).unwrap();
}
