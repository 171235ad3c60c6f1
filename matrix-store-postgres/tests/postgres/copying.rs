//! Moving to this store, and from it.

use matrix_bridge_core::{
    ClaimRequest, Contents, MemoryStore, OutboundQueue as _, Place as At, Record, Settlement,
    StateStore as _, Verdict, copy,
};
use matrix_bridge_testkit::conformance::full_batch;

use crate::{
    place::Place,
    sample::{NOW, claim, event, row},
};

/// All that is in a store, in one order.
async fn everything(store: &dyn Contents) -> Vec<Record> {
    let mut records = Vec::new();
    let mut next = Some(At::default());
    while let Some(place) = next {
        let page = store.read(place, 3).await.unwrap();
        records.extend(page.records);
        next = page.next;
    }
    records.sort_by_key(|record| format!("{record:?}"));
    records
}

/// A store with something of every kind.
async fn filled() -> MemoryStore {
    let store = MemoryStore::new();
    let _applied = store.commit(full_batch("full")).await.unwrap();
    let mut batch = crate::sample::batch();
    batch.rows = (0..20)
        .map(|n| row(&format!("more {n}"), &format!("lane {}", n % 4)))
        .collect();
    batch.marks = (0..20).map(|n| event(&n.to_string())).collect();
    let _applied = store.commit(batch).await.unwrap();
    let request = ClaimRequest {
        lanes: 2,
        ..claim()
    };
    for claim in store.claim(request).await.unwrap() {
        let first = &claim.rows[0];
        let sent = Settlement {
            row: first.id,
            token: claim.token,
            verdict: Verdict::Sent(Some(event(first.key.as_str()))),
            at: NOW,
        };
        store.settle(vec![sent]).await.unwrap();
    }
    store
}

#[tokio::test]
async fn what_is_copied_in_and_out_is_what_it_was() {
    let place = Place::new();
    let (from, back) = (filled().await, MemoryStore::new());
    let store = place.config("a").open_for_copy().await.unwrap();

    let there = copy(&from, &store, |_| {}).await.unwrap();
    let again = copy(&store, &back, |_| {}).await.unwrap();

    assert_eq!(there.records, again.records);
    assert_eq!(everything(&store).await, everything(&from).await);
    assert_eq!(everything(&back).await, everything(&from).await);
}

/// Nothing of the first attempt is left, and what is there already is never touched.
#[tokio::test]
async fn a_copy_starts_over_and_only_into_an_empty_store() {
    let place = Place::new();
    let from = filled().await;
    let store = place.config("a").open_for_copy().await.unwrap();
    store.begin().await.unwrap();
    let page = from.read(At::default(), 30).await.unwrap();
    store.write(page.records).await.unwrap();

    copy(&from, &store, |_| {}).await.unwrap();

    assert_eq!(everything(&store).await, everything(&from).await);
    copy(&from, &store, |_| {}).await.unwrap_err();
    assert_eq!(everything(&store).await, everything(&from).await);
}

/// Lanes go on where they were.
#[tokio::test]
async fn rows_are_claimed_after_a_copy_as_they_would_have_been() {
    let place = Place::new();
    let from = filled().await;
    let store = place.config("a").open_for_copy().await.unwrap();
    copy(&from, &store, |_| {}).await.unwrap();
    store.close().await.unwrap();
    let reference = MemoryStore::new();
    copy(&from, &reference, |_| {}).await.unwrap();

    let store = place.open("a").await;

    let order = |claims: Vec<matrix_bridge_core::Claim>| {
        let rows = claims.into_iter().flat_map(|claim| claim.rows);
        rows.map(|row| (row.id, row.key)).collect::<Vec<_>>()
    };
    let [expected, found] = [
        order(reference.claim(claim()).await.unwrap()),
        order(store.claim(claim()).await.unwrap()),
    ];
    assert!(!found.is_empty());
    assert_eq!(found, expected);
    assert_eq!(
        store.depth().await.unwrap(),
        reference.depth().await.unwrap()
    );
}
