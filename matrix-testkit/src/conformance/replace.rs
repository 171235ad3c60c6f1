//! A parked row given up for another one at its place.

use matrix_bridge_core::{
    ListState, NewRow, OutcomeResult, ParkedRows, Row, RowId, RowKey, RowState, Verdict,
};

use super::{
    StoreFactory,
    checked::Checked,
    sample::{at, claimed_keys, due, from, keys, linked, parked, reason, row, shadow},
};

/// The new row has the place and the lane of the old one, and nothing else of it.
pub async fn a_replacing_row_takes_the_place(factory: &dyn StoreFactory) {
    let mut store = Checked::open(factory).await;
    let old = tried_and_parked(&store).await;
    store.enqueue(vec![row("b", "lane")]).await;
    let with = due(
        linked(from(row("new", "elsewhere"), "ghost"), "host id"),
        40,
    );

    assert!(store.replace(old.id, with.clone()).await);
    store = store.reopen(factory).await;

    let waiting = store.list(ListState::Waiting).await;
    assert_eq!(keys(&waiting), ["new", "b"]);
    let expected = Row {
        id: old.id,
        key: with.key,
        lane: old.lane,
        sender: with.sender,
        class: with.class,
        transaction_id: with.transaction_id,
        body: with.body,
        created: at(40),
        attempts: 0,
        first_attempt: None,
        state: RowState::Waiting { due: at(40) },
    };
    assert_eq!(waiting[0], expected);
    assert_eq!(store.next_due().await, Some(at(40)));
    assert_eq!(store.claim(39).await, []);
    assert_eq!(claimed_keys(&store.claim(40).await), [["new"]]);
}

/// The old row is gone, its key is free, and what became of it stays told.
pub async fn a_replaced_row_is_gone(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let old = tried_and_parked(&store).await;
    let outcomes = store.outcomes().await;

    assert!(store.replace(old.id, row("new", "lane")).await);

    assert_eq!(store.list(ListState::Parked).await, []);
    assert_eq!(store.parked().await, []);
    assert_eq!(store.rows(&["a"]).await, [None]);
    assert_eq!(store.outcomes().await, outcomes);
    store.enqueue(vec![row("a", "lane")]).await;
    let again = store.list(ListState::Waiting).await;
    assert_eq!(keys(&again), ["new", "a"]);
    assert!(again[1].id > old.id, "ids are not used again");
}

/// Only a parked row is replaced, and only by a row with a key of its own.
pub async fn what_cannot_be_replaced_stays(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    store.enqueue(vec![row("sent", "one")]).await;
    store.settle_due(Verdict::Sent(None), 1).await;
    store.enqueue(vec![row("claimed", "two")]).await;
    store.claim_one(1).await;
    let waiting = due(row("waiting", "three"), 50);
    let others = [shadow(row("shadow", "four")), parked(row("other", "four"))];
    store.enqueue([&[waiting], &others[..]].concat()).await;
    store.enqueue(vec![parked(row("old", "five"))]).await;
    let old = store.list(ListState::Parked).await[1].id;
    let before = store.contents(&[]).await;

    let parked = before.parked.iter().map(|row| row.id);
    let parked: Vec<RowId> = parked.collect();
    for id in (0..50).map(RowId).filter(|id| !parked.contains(id)) {
        assert!(!store.replace(id, row("new", "lane")).await, "{id:?}");
    }
    for key in ["sent", "claimed", "waiting", "shadow", "other", "old"] {
        assert!(!store.replace(old, row(key, "lane")).await, "{key}");
    }
    assert_eq!(store.contents(&[]).await, before);
}

/// What replaces a row may be parked itself, or a record of shadow mode.
pub async fn a_replacing_row_may_not_be_for_sending(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = vec![parked(row("a", "one")), parked(row("b", "two"))];
    store.enqueue(rows).await;
    let ids = store.list(ListState::Parked).await;

    let again: NewRow = due(parked(row("c", "one")), 30);
    assert!(store.replace(ids[0].id, again).await);
    assert!(store.replace(ids[1].id, shadow(row("d", "two"))).await);

    assert_eq!(keys(&store.list(ListState::Parked).await), ["c"]);
    assert_eq!(keys(&store.list(ListState::Shadow).await), ["d"]);
    let counted = ParkedRows {
        code: reason("").code,
        rows: 1,
        oldest: at(30),
    };
    assert_eq!(store.parked().await, [counted]);
    let last = store
        .outcomes()
        .await
        .pop()
        .map(|last| (last.key, last.result));
    let result = OutcomeResult::Parked(reason("from the start"));
    assert_eq!(last, Some((RowKey::new("c"), result)));
    assert_eq!(store.claim(5_000).await, []);
}

/// A replaced head does not break into a claim that holds its lane.
pub async fn a_replacing_row_waits_for_the_claim_of_its_lane(factory: &dyn StoreFactory) {
    let store = Checked::open(factory).await;
    let rows = vec![parked(row("a", "lane")), row("b", "lane")];
    store.enqueue(rows).await;
    let claim = store.claim_one(1).await;
    let id = store.only(ListState::Parked).await.id;
    assert!(store.replace(id, row("new", "lane")).await);

    assert_eq!(store.claim(3).await, []);
    store.settle_all(&claim, Verdict::Release, 4).await;

    assert_eq!(claimed_keys(&store.claim(5).await), [["new", "b"]]);
}

/// A row `a` of the lane `lane` that was tried and then parked.
async fn tried_and_parked(store: &Checked) -> Row {
    store.enqueue(vec![row("a", "lane")]).await;
    let retry = Verdict::Retry {
        due: at(3),
        counted: true,
    };
    store.settle_due(retry, 2).await;
    store.settle_due(Verdict::Park(reason("no")), 4).await;
    let row = store.only(ListState::Parked).await;
    assert_eq!((row.attempts, row.first_attempt), (1, Some(at(2))));
    row
}
