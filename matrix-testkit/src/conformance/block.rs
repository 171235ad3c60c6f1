//! Lanes that wait until a person decided about a row.

use matrix_bridge_core::{ListState, NewRow, RowId, Verdict};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{blocking, claimed_keys, due, keys, parked, reason, row, settlement},
};

/// A row that is parked under `Block` holds back all behind it, and no other lane.
pub async fn a_blocking_row_holds_back_the_rows_behind_it(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = [blocking(row("a", "one")), row("b", "one"), row("c", "one")];
    store.enqueue(rows.to_vec()).await;
    let claim = store.claim_one(1).await;
    let park = settlement(&claim, &claim.rows[0], Verdict::Park(reason("no")), 2);
    assert_eq!(store.settle(vec![park]).await, []);
    for row in &claim.rows[1..] {
        // The others of the run are still under the claim.
        let release = settlement(&claim, row, Verdict::Release, 3);
        assert_eq!(store.settle(vec![release]).await, []);
    }

    assert_eq!(store.claim(5_000).await, []);
    assert_eq!(store.next_due().await, None);
    store.enqueue(vec![row("d", "one"), row("x", "two")]).await;
    assert_eq!(store.next_due().await, Some(super::sample::at(1)));
    assert_eq!(claimed_keys(&store.claim(5_000).await), [["x"]]);
}

/// Under `GoOn` the lane goes on.
pub async fn a_row_that_does_not_block_holds_back_none(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store
        .enqueue(vec![parked(row("a", "one")), row("b", "one")])
        .await;

    assert_eq!(claimed_keys(&store.claim(1).await), [["b"]]);
}

/// Also a row that is parked from the start blocks, with rows behind it or none yet.
pub async fn a_row_parked_from_the_start_blocks(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let first = parked(blocking(row("a", "one")));
    store.enqueue(vec![first, row("b", "one")]).await;
    assert_eq!(store.claim(1).await, []);
    store.enqueue(vec![parked(blocking(row("c", "two")))]).await;
    store.enqueue(vec![row("d", "two")]).await;

    assert_eq!(store.claim(1).await, []);
    assert_eq!(store.next_due().await, None);
}

/// Rows before a blocking one go on, and those behind it are not taken with them.
pub async fn rows_before_a_blocking_row_go_on(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let middle = parked(blocking(row("c", "one")));
    let rows = vec![row("a", "one"), row("b", "one"), middle, row("d", "one")];
    store.enqueue(rows).await;

    let claim = store.claim_one(1).await;
    assert_eq!(keys(&claim.rows), ["a", "b"]);
    store.settle_all(&claim, Verdict::Sent(None), 2).await;
    assert_eq!(store.claim(5_000).await, []);
    assert_eq!(store.next_due().await, None);
}

/// Each of the three decisions lets the lane go on.
pub async fn a_decision_lets_the_lane_go_on(factory: &dyn StoreFactory) {
    for (n, expected) in [&["a", "b"][..], &["b"], &["new", "b"]]
        .into_iter()
        .enumerate()
    {
        let mut store = Checked::open_as(factory, &format!("store-{n}")).await;
        store.enqueue(vec![blocking(row("a", "one"))]).await;
        store.settle_due(Verdict::Park(reason("no")), 2).await;
        store.enqueue(vec![row("b", "one")]).await;
        store = store.reopen(factory).await;
        assert_eq!(store.claim(5_000).await, [], "it survives a restart");
        let id = store.only(ListState::Parked).await.id;

        match n {
            0 => assert_eq!(store.requeue(&[id], 3).await, 1),
            1 => assert_eq!(store.discard(&[id]).await, 1),
            _ => assert!(store.replace(id, row("new", "elsewhere")).await),
        }

        assert!(store.next_due().await.is_some());
        let claim = store.claim_one(5_000).await;
        assert_eq!(keys(&claim.rows), expected);
        assert_eq!(claim.lane.as_str(), "one");
    }
}

/// The next blocking row blocks as the first one did.
pub async fn each_blocking_row_needs_its_own_decision(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let blocked = |key| parked(blocking(row(key, "one")));
    let rows = vec![blocked("a"), row("b", "one"), blocked("c"), row("d", "one")];
    store.enqueue(rows).await;
    let ids: Vec<RowId> = store
        .list(ListState::Parked)
        .await
        .iter()
        .map(|row| row.id)
        .collect();

    assert_eq!(store.discard(&ids[1..]).await, 1);
    assert_eq!(store.claim(1).await, [], "the first one still blocks");
    store.enqueue(vec![blocked("e"), row("f", "one")]).await;
    assert_eq!(store.requeue(&ids[..1], 2).await, 1);

    let claim = store.claim_one(2).await;
    assert_eq!(keys(&claim.rows), ["a", "b", "d"]);
    store.settle_all(&claim, Verdict::Sent(None), 3).await;
    assert_eq!(store.claim(5_000).await, []);
}

/// A row that waits for its time is not a decision: the lane still has one head.
pub async fn a_blocked_lane_keeps_the_times_of_its_rows(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let late: NewRow = due(row("b", "one"), 700);
    store
        .enqueue(vec![parked(blocking(row("a", "one"))), late])
        .await;
    let id = store.only(ListState::Parked).await.id;

    assert_eq!(store.discard(&[id]).await, 1);

    assert_eq!(store.next_due().await, Some(super::sample::at(700)));
    assert_eq!(store.claim(699).await, []);
    assert_eq!(claimed_keys(&store.claim(700).await), [["b"]]);
}
