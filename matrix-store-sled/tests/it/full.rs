//! No space left.

use matrix_bridge_core::{
    Batch, ListState, OutboundQueue as _, StateStore as _, StoreError, StoreErrorKind,
};
use matrix_bridge_store_sled::SledStore;

use crate::{
    child::{self, Process},
    sample::{account, batch, enqueue, event, folder, keys, parked, row},
};

/// Commits until there is no space; returns how many went through, and the failure.
async fn fill(store: &SledStore) -> (u32, StoreError) {
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

/// Not a test of its own: the other process of the one below.
#[tokio::test]
async fn child_with_a_limit() {
    let Some(path) = child::path() else { return };
    let store = SledStore::open(path).unwrap();
    let (batches, error) = fill(&store).await;
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    let next = enqueue(&store, vec![row("next", "lane", "")]).await;
    assert_eq!(next.unwrap_err().kind(), StoreErrorKind::Closed);
    let read = store.depth().await;
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Closed);
    child::say(&batches.to_string());
}

/// The system refuses to write in the middle of a commit: its outcome is unknown, and
/// what was reported before it is there.
#[tokio::test]
async fn a_commit_that_the_system_cuts_off_closes_the_store() {
    let (_folder, path) = folder();
    let limit = "trap '' XFSZ; ulimit -f 4000";
    let mut process = Process::start("full::child_with_a_limit", &path, 0, limit);
    let batches: u32 = process.hear().unwrap().parse().unwrap();
    process.finish();

    let store = SledStore::open(&path).unwrap();

    assert!(batches > 10);
    let parked = keys(&store, ListState::Parked).await;
    let of = |n: u32| [format!("{n} a"), format!("{n} b")];
    let reported: Vec<_> = (0..batches).flat_map(of).collect();
    let and_the_last: Vec<_> = (0..=batches).flat_map(of).collect();
    assert!(parked == reported || parked == and_the_last, "{parked:?}");
    let events: Vec<_> = (0..batches).map(|n| event(&n.to_string())).collect();
    let seen = store.seen(&account(), &events).await.unwrap();
    assert!(seen.iter().all(|seen| *seen));
    enqueue(&store, vec![row("new", "lane", "text")])
        .await
        .unwrap();
}
