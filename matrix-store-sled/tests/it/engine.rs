//! One engine, and what it leaves when it ends.

use matrix_bridge_core::{
    Claim, LeaseName, LeaseOutcome, LeaseRequest, ListState, OutboundQueue as _, StateStore as _,
    Timestamp,
};
use matrix_bridge_store_sled::{OpenError, SledConfig, SledStore};

use crate::{
    child::{self, Process},
    sample::{claim_at, enqueue, folder, keys, row},
};

fn lease(holder: &str) -> LeaseRequest {
    LeaseRequest {
        name: LeaseName::new("ingest"),
        holder: holder.to_owned(),
        now: Timestamp(1),
        ttl: std::time::Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_second_engine_is_refused_while_the_first_lives() {
    let (_folder, path) = folder();
    let first = SledStore::open(&path).unwrap();

    let second = SledStore::open(&path).unwrap_err();
    let copying = SledConfig::new(&path).open_for_copy().unwrap_err();

    assert!(matches!(second, OpenError::InUse { .. }));
    assert!(matches!(copying, OpenError::InUse { .. }));
    assert!(
        second
            .to_string()
            .contains("bridge.sled.lock; stop that one")
    );
    first.close().await.unwrap();
    SledStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_dropped_store_is_free_at_once() {
    let (_folder, path) = folder();
    for key in ["a", "b", "c"] {
        let store = SledStore::open(&path).unwrap();
        enqueue(&store, vec![row(key, "lane", "")]).await.unwrap();
    }

    let store = SledStore::open(&path).unwrap();

    assert_eq!(keys(&store, ListState::Waiting).await, ["a", "b", "c"]);
}

/// Not a test of its own: the other process of the one below.
#[tokio::test]
async fn child_that_holds_the_store() {
    let Some(path) = child::path() else { return };
    let store = SledStore::open(path).unwrap();
    let held = store.lease(lease("child")).await.unwrap();
    assert!(matches!(held, LeaseOutcome::Held(_)));
    child::say("ready");
    child::wait_for_parent();
}

#[tokio::test]
async fn a_killed_engine_leaves_neither_its_lock_nor_its_leases() {
    let (_folder, path) = folder();
    let mut process = Process::start("engine::child_that_holds_the_store", &path, 0, "true");
    assert_eq!(process.hear().as_deref(), Some("ready"));
    let refused = SledStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));

    process.kill();

    let store = SledStore::open(&path).unwrap();
    let LeaseOutcome::Held(fence) = store.lease(lease("next")).await.unwrap() else {
        panic!("the lease of a dead process is still held");
    };
    assert_eq!(fence.0, 2, "the number goes on growing");
}

#[tokio::test]
async fn after_a_crash_rows_under_a_claim_are_free_at_once_and_in_order() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    enqueue(&store, vec![row("a", "lane", ""), row("b", "lane", "")])
        .await
        .unwrap();
    let before = store.claim(claim_at(1)).await.unwrap();
    // Dropped, not closed: nobody let go of the claim.
    drop(store);

    let store = SledStore::open(&path).unwrap();
    let after = store.claim(claim_at(1)).await.unwrap();

    let keys = |claims: &[Claim]| {
        claims[0]
            .rows
            .iter()
            .map(|row| row.key.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&after), ["a", "b"]);
    assert_eq!(keys(&after), keys(&before));
    assert!(after[0].token > before[0].token);
    assert!(after[0].rows[0].first_attempt.is_some());
}

#[tokio::test]
async fn after_an_orderly_end_claims_and_leases_stand() {
    let (_folder, path) = folder();
    let store = SledStore::open(&path).unwrap();
    enqueue(&store, vec![row("a", "lane", "")]).await.unwrap();
    assert_eq!(store.claim(claim_at(1)).await.unwrap().len(), 1);
    let held = store.lease(lease("first")).await.unwrap();
    assert!(matches!(held, LeaseOutcome::Held(_)));
    store.close().await.unwrap();

    let store = SledStore::open(&path).unwrap();

    assert!(store.claim(claim_at(1)).await.unwrap().is_empty());
    let taken = store.lease(lease("second")).await.unwrap();
    assert!(matches!(taken, LeaseOutcome::Taken { .. }));
}
